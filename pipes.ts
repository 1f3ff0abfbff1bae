import { createInterface } from "node:readline";
import { decodeLines } from "#decoders/decode-lines.ts";
import { matchLines } from "#stream/match/match-lines.ts";
import { openRoads } from "#stream/roads/open.ts";
import { UsageError } from "./usage-error.ts";

/** Commands that read lines from standard input and write JSON lines to standard output; they need no database. */

const OUTPUT_CHUNK_CHARS = 65_536;

/**
 * Gathers lines into large writes, honours the reader's pace, and keeps nothing back while the input rests: who writes a line and
 * waits for its answer gets it. A reader that leaves (`| head`) ends the writing.
 */
class LineWriter {
  #pending = "";
  #written = Promise.resolve();
  #isDue = false;
  #isClosed = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write = (line: string): void => {
    this.#pending += `${line}\n`;
  };

  /** Writes what has gathered if it is so much, and waits until all is written. */
  async flush(minimumChars = 0): Promise<void> {
    if (this.#pending.length < minimumChars) return;
    const chunk = this.#pending;
    this.#pending = "";
    if (chunk !== "") this.#written = this.#written.then(() => this.#writeOut(chunk));
    await this.#written;
  }

  /** Writes what has gathered when the lines at hand are worked off. */
  flushSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      // Whoever waits for the writing next is told of its failure.
      this.flush().catch(() => undefined);
    });
  }

  async #writeOut(chunk: string): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(chunk, (error) => {
        if (error == null) return resolve();
        if ((error as NodeJS.ErrnoException).code !== "EPIPE") return reject(error);
        this.#isClosed = true;
        resolve();
      });
    });
  }
}

/** Lines of standard input for as long as somebody reads the output. */
async function* inputLines(output: LineWriter): AsyncIterable<string> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    yield line;
    output.flushSoon();
    await output.flush(OUTPUT_CHUNK_CHARS);
    if (output.isClosed) return;
  }
}

export async function decodeStandardInput(
  protocol: string,
  options: { model?: string; identify?: string },
): Promise<void> {
  const output = new LineWriter();
  const result = await decodeLines({
    protocol,
    model: options.model ?? null,
    identify: options.identify ?? null,
    lines: inputLines(output),
    write: output.write,
    nowMs: Date.now(),
  });
  if (result.kind === "unknownProtocol") throw new UsageError(`unknown protocol ${protocol}`);
  if (result.kind === "badIdentify") throw new UsageError(`--identify: ${result.detail}`);
  await output.flush();
}

export async function matchStandardInput(roadsPath: string, online: boolean): Promise<void> {
  const output = new LineWriter();
  const roads = openRoads(roadsPath);
  await matchLines({ roads, online, lines: inputLines(output), write: output.write });
  await output.flush();
}
