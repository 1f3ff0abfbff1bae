import type { FastifyReply } from "fastify";
import type { Shown, Watcher } from "./track-watch.ts";

const RETRY_MS = 2_000;

export type TrackStreamEnd = "gone" | "closed" | "stalled";

/**
 * Server-sent events of one link (WHATWG HTML, section 9.2). A message is the whole state and its id the state's tag, so a
 * reader that names the tag it has is sent nothing until there is something else; nothing is ever missed. One state at most
 * waits for a slow reader: the newest.
 *
 * States: open, behind (the reader has not taken what was written; `waiting` is the newest state since), ended.
 */
export class TrackStream implements Watcher {
  readonly #reply: FastifyReply;
  readonly #ended: (end: TrackStreamEnd) => void;
  readonly #stalledMsMax: number;
  #behind: NodeJS.Timeout | undefined;
  #waiting: Shown | undefined;
  #over = false;

  constructor(reply: FastifyReply, stalledMsMax: number, ended: (end: TrackStreamEnd) => void) {
    this.#reply = reply;
    this.#ended = ended;
    this.#stalledMsMax = stalledMsMax;
    reply.raw.on("close", () => this.#end("gone"));
    reply.raw.on("drain", () => this.#drained());
  }

  /** Writes the head; call before anything else. */
  begin(headers: Readonly<Record<string, string>>): void {
    this.#reply.hijack();
    this.#reply.raw.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    });
    this.#write(`retry: ${RETRY_MS}\n\n`);
  }

  show(shown: Shown): void {
    if (this.#over) return;
    if (this.#behind === undefined) this.#write(`id: ${shown.tag}\nevent: track\ndata: ${shown.text}\n\n`);
    else this.#waiting = shown;
  }

  /** Keeps what stands between from closing a quiet connection. */
  beat(): void {
    if (!this.#over && this.#behind === undefined) this.#write(": waiting\n\n");
  }

  /** The link answers no more: the reader is told, and does not come back. */
  close(): void {
    if (this.#over) return;
    this.#reply.raw.end("event: closed\ndata: {}\n\n");
    this.#end("closed");
  }

  #write(text: string): void {
    if (this.#reply.raw.write(text)) return;
    this.#behind = setTimeout(() => {
      // Ending politely would wait for the reader too.
      this.#reply.raw.destroy();
      this.#end("stalled");
    }, this.#stalledMsMax);
  }

  #drained(): void {
    clearTimeout(this.#behind);
    this.#behind = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.show(waiting);
  }

  #end(end: TrackStreamEnd): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#behind);
    this.#ended(end);
  }
}
