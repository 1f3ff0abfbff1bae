import type { FastifyReply } from "fastify";
import type { Shown, Watcher } from "./track-watch.ts";

const RETRY_MS = 2_000;
const CLOSED = "event: closed\ndata: {}\n\n";
const BEAT = "event: beat\ndata: {}\n\n";

export type TrackStreamEnd = "gone" | "closed" | "stalled";

/**
 * Server-sent events of one link (WHATWG HTML, section 9.2). A message is the whole state and its id the state's tag, so a
 * reader that names the tag it has is sent nothing until there is something else; nothing is ever missed. One state at most
 * waits for a slow reader: the newest.
 *
 * States: new (nothing is written yet), open, behind (the reader has not taken what was written), over. While new or behind,
 * `waiting` is the newest state.
 */
export class TrackStream implements Watcher {
  readonly #reply: FastifyReply;
  readonly #ended: (end: TrackStreamEnd) => void;
  readonly #stalledMsMax: number;
  #behind: NodeJS.Timeout | undefined;
  #waiting: Shown | undefined;
  #begun = false;
  #over = false;

  constructor(reply: FastifyReply, stalledMsMax: number, ended: (end: TrackStreamEnd) => void) {
    this.#reply = reply;
    this.#ended = ended;
    this.#stalledMsMax = stalledMsMax;
    reply.raw.on("close", () => this.#end("gone"));
    reply.raw.on("drain", () => this.#drained());
  }

  /** Whether the reader is gone, or was let go. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Writes the head and the first state, if the reader has not got it already; or what came meanwhile. */
  begin(headers: Readonly<Record<string, string>>, first: Shown | null): void {
    this.#reply.hijack();
    this.#begun = true;
    this.#reply.raw.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    });
    if (this.#over) {
      this.#reply.raw.end(CLOSED);
      return;
    }
    this.#write(`retry: ${RETRY_MS}\n\n`);
    const shown = this.#waiting ?? first;
    this.#waiting = undefined;
    if (shown === null) this.beat();
    else this.show(shown);
  }

  /** Nothing was begun and nothing will be. */
  discard(): void {
    this.#end("gone");
  }

  show(shown: Shown): void {
    if (this.#over) return;
    if (this.#begun && this.#behind === undefined)
      this.#write(`id: ${shown.tag}\nevent: track\ndata: ${shown.text}\n\n`);
    else this.#waiting = shown;
  }

  /** Keeps what stands between from closing a quiet connection, and tells a page that it is still connected. */
  beat(): void {
    if (!this.#over && this.#begun && this.#behind === undefined) this.#write(BEAT);
  }

  /** The link answers no more: the reader is told, and does not come back. */
  close(): void {
    if (this.#over) return;
    if (this.#begun) this.#reply.raw.end(CLOSED);
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
