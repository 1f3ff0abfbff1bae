import { createInterface } from "node:readline";
import { decodeLines } from "#decoders/decode-lines.ts";
import { matchLines } from "#stream/match/match-lines.ts";
import { openRoads } from "#stream/roads/open.ts";
import { UsageError } from "./usage-error.ts";

/** Commands that read lines from standard input and write JSON lines to standard output; they need no database. */

const OUTPUT_CHUNK_CHARS = 65_536;

/** Buffers lines into large writes and honours the reader's pace. */
class LineWriter {
  #pending = "";

  write = (line: string): void => {
    this.#pending += `${line}\n`;
  };

  async flush(minimumChars = 1): Promise<void> {
    if (this.#pending.length < minimumChars) return;
    const chunk = this.#pending;
    this.#pending = "";
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}

/** Lines of standard input; the output is flushed between them when enough has gathered. */
async function* inputLines(output: LineWriter): AsyncIterable<string> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    yield line;
    await output.flush(OUTPUT_CHUNK_CHARS);
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
  await output.flush();
}

export async function matchStandardInput(roadsPath: string, online: boolean): Promise<void> {
  const output = new LineWriter();
  const roads = openRoads(roadsPath);
  await matchLines({ roads, online, lines: inputLines(output), write: output.write });
  await output.flush();
}
