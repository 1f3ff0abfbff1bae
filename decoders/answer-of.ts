import type { Envelope } from "./decoder.ts";

/** What a device is told of a message that was taken; undefined where the protocol says nothing. */
export function answerOf(envelope: Envelope): Uint8Array | undefined {
  return envelope.kind === "login" ? envelope.accept : envelope.ack;
}
