import type { DecodeContext, ProtocolDecoder, Report, StreamFramer, Transport } from "./decoder.ts";

/**
 * Drives a decoder the way the gateway and the stream do and writes down everything it said, as plain JSON. The
 * conformance suite, the golden frames and the fuzzer compare these outcomes.
 */

/** What became of one piece of a byte stream or of one datagram. Bytes are hex. */
export type Cut =
  | { kind: "frame"; hex: string }
  | { kind: "rejected"; reason: string; hex: string }
  | { kind: "fatal"; reason: string }
  | { kind: "incomplete"; hex: string };

/** A broken promise of the decoder contract; only the suites see it, a gateway never does. */
export class ContractError extends Error {
  override readonly name = "ContractError";
}

/** The context for frames whose device and arrival do not matter. 2026-01-01T00:00:00Z. */
export function contextOf(transport: Transport, overrides: Partial<DecodeContext> = {}): DecodeContext {
  return { transport, deviceUid: null, model: null, receivedAtMs: 1_767_225_600_000, ...overrides };
}

/** Cuts a whole stream that has arrived at once. A rest that asks for more ends the list as `incomplete`. */
export function cutStream(decoder: ProtocolDecoder, bytes: Uint8Array): Cut[] {
  return cutChunks(decoder, [bytes]);
}

/** Cuts a stream that arrives in chunks, and like the gateway asks again only when `needed` bytes are there. */
export function cutChunks(decoder: ProtocolDecoder, chunks: readonly Uint8Array[]): Cut[] {
  const framer = decoder.openStream();
  const cuts: Cut[] = [];
  let pending = new Uint8Array(0);
  let neededBytes = 1;
  for (const chunk of chunks) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= neededBytes) {
      const step = nextCut(decoder, framer, pending);
      if (step.cut === undefined) {
        neededBytes = step.neededBytes;
        continue;
      }
      cuts.push(step.cut);
      if (step.cut.kind === "fatal") return cuts;
      pending = pending.subarray(step.consumed);
      neededBytes = 1;
    }
  }
  if (pending.length > 0) cuts.push({ kind: "incomplete", hex: hexOf(pending) });
  return cuts;
}

type Step = { cut: Cut; consumed: number } | { cut: undefined; neededBytes: number };

function nextCut(decoder: ProtocolDecoder, framer: StreamFramer, pending: Uint8Array): Step {
  const result = framer.next(pending);
  switch (result.kind) {
    case "incomplete":
      must(result.needed > pending.length, `needed ${result.needed} although ${pending.length} bytes are there`);
      must(result.needed <= decoder.frameBytesMax, `needed ${result.needed} is above frameBytesMax`);
      return { cut: undefined, neededBytes: result.needed };
    case "fatal":
      return { cut: { kind: "fatal", reason: result.reason }, consumed: 0 };
    case "rejected":
      mustConsume(result.consumed, pending.length);
      return {
        cut: { kind: "rejected", reason: result.reason, hex: hexOf(pending.subarray(0, result.consumed)) },
        consumed: result.consumed,
      };
    case "frame":
      mustConsume(result.consumed, pending.length);
      must(result.frame.length <= decoder.frameBytesMax, "a frame above frameBytesMax was accepted");
      return { cut: { kind: "frame", hex: hexOf(result.frame) }, consumed: result.consumed };
  }
}

/** A datagram is one frame or rejected, always whole. */
export function cutDatagram(decoder: ProtocolDecoder, bytes: Uint8Array): Cut {
  const result = decoder.readDatagram(bytes);
  must(result.kind === "frame" || result.kind === "rejected", `a datagram was answered with ${result.kind}`);
  if (result.kind === "frame") {
    must(result.consumed === bytes.length, "a datagram was not consumed whole");
    return { kind: "frame", hex: hexOf(result.frame) };
  }
  if (result.kind === "rejected") {
    must(result.consumed === bytes.length, "a datagram was not consumed whole");
    return { kind: "rejected", reason: result.reason, hex: hexOf(bytes) };
  }
  throw new ContractError("unreachable");
}

/**
 * Envelope and reports of one delimited frame as JSON values: byte arrays as hex. Checks every report, and that the frame
 * is the same afterwards: it is handed over as a `Buffer`, whose `slice` is a view of the same bytes.
 */
export function readFrame(decoder: ProtocolDecoder, bytes: Uint8Array, context: DecodeContext) {
  const frame = Buffer.from(bytes);
  const envelope = decoder.envelope(frame, context.transport);
  const result = decoder.decode(frame, context);
  must(frame.equals(bytes), "decoding changed the frame");
  if (result.kind === "decoded") for (const report of result.reports) checkReport(report, frame.length);
  return { envelope: hexBytes(envelope), result };
}

function hexBytes(value: object): { [name: string]: unknown } {
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, item instanceof Uint8Array ? hexOf(item) : item]),
  );
}

/** Throws `ContractError` where a report breaks the rules that everything after it relies on. */
export function checkReport(report: Report, frameBytes: number): void {
  for (const [name, value] of Object.entries(report)) {
    must(typeof value !== "number" || Number.isFinite(value), `${name} is ${String(value)}`);
    must(value !== undefined, `${name} is undefined`);
  }
  const located = report.latDeg !== null && report.lonDeg !== null;
  must(located || (report.latDeg === null && report.lonDeg === null), "half a coordinate");
  must(report.valid === located, "valid must mean that there are coordinates");
  must(Math.abs(report.latDeg ?? 0) <= 90 && Math.abs(report.lonDeg ?? 0) <= 180, "coordinates outside the world");
  must((report.speedMps ?? 0) >= 0, "negative speed");
  must((report.headingDeg ?? 0) >= 0 && (report.headingDeg ?? 0) <= 360, "heading outside 0..360");
  must(report.bytesStart >= 0 && report.bytesStart <= report.bytesEnd, "bytesStart after bytesEnd");
  must(report.bytesEnd <= frameBytes, "bytesEnd beyond the frame");
  for (const [name, value] of Object.entries(report.attributes)) checkAttribute(name, value);
}

function checkAttribute(name: string, value: unknown): void {
  if (typeof value === "number") must(Number.isFinite(value), `${name} is ${value}`);
  else if (Array.isArray(value)) for (const item of value) checkAttribute(name, item);
  else if (value !== null && typeof value === "object") {
    for (const [inner, item] of Object.entries(value)) checkAttribute(`${name}.${inner}`, item);
  } else {
    must(["string", "boolean", "object"].includes(typeof value), `${name} is ${typeof value}`);
  }
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function mustConsume(consumed: number, available: number): void {
  must(consumed >= 1 && consumed <= available, `consumed ${consumed} of ${available}`);
}

function must(condition: boolean, message: string): void {
  if (!condition) throw new ContractError(message);
}
