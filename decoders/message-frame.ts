import type { AttributeValue, FrameResult } from "./decoder.ts";

/**
 * The journal's layout of a message whose transport delimits it (an MQTT publish, an HTTP request): what the transport
 * said about it, then the body as it came. It describes itself, and it can stand back to back in a stream.
 *
 *     head   one line of JSON: an object of strings, and `bodyBytes`; ends with LF
 *     body   `bodyBytes` bytes, untouched
 */
export type Message = {
  head: { [name: string]: string };
  body: Uint8Array;
  /** Offset of the body inside the frame. */
  bodyStart: number;
};

/** Longest head line believed, in bytes; longer than any MQTT topic or request path that a device needs. */
export const MESSAGE_HEAD_BYTES_MAX = 8 * 1024;
/** Largest message believed, in bytes. */
export const MESSAGE_BYTES_MAX = 72 * 1024;

const LF = 0x0a;
const OPENING_BRACE = 0x7b;

export function encodeMessage(head: { readonly [name: string]: string }, body: Uint8Array): Uint8Array {
  const line = `${JSON.stringify({ ...head, bodyBytes: body.length })}\n`;
  const lineBytes = Buffer.byteLength(line);
  const frame = Buffer.allocUnsafe(lineBytes + body.length);
  frame.write(line);
  frame.set(body, lineBytes);
  return frame;
}

/** Reads a whole frame; undefined where it is not one. The body is a view of the frame. */
export function parseMessage(frame: Uint8Array): Message | undefined {
  const headEnd = frame.subarray(0, MESSAGE_HEAD_BYTES_MAX).indexOf(LF);
  const parsed = headEnd < 0 ? undefined : parseHead(frame.subarray(0, headEnd));
  if (!parsed || parsed.bodyBytes !== frame.length - headEnd - 1) return undefined;
  return { head: parsed.head, body: frame.subarray(headEnd + 1), bodyStart: headEnd + 1 };
}

/** Delimits the messages of a stream. */
export function cutMessage(bytes: Uint8Array): FrameResult {
  if (bytes.length === 0) return { kind: "incomplete", needed: 1 };
  if (bytes[0] !== OPENING_BRACE) return { kind: "rejected", consumed: garbageBytes(bytes), reason: "format" };
  const headEnd = bytes.subarray(0, MESSAGE_HEAD_BYTES_MAX).indexOf(LF);
  if (headEnd < 0) {
    if (bytes.length < MESSAGE_HEAD_BYTES_MAX) return { kind: "incomplete", needed: bytes.length + 1 };
    return { kind: "rejected", consumed: MESSAGE_HEAD_BYTES_MAX, reason: "oversize" };
  }
  const parsed = parseHead(bytes.subarray(0, headEnd));
  if (!parsed) return { kind: "rejected", consumed: headEnd + 1, reason: "format" };
  const total = headEnd + 1 + parsed.bodyBytes;
  if (total > MESSAGE_BYTES_MAX) return { kind: "rejected", consumed: headEnd + 1, reason: "oversize" };
  if (bytes.length < total) return { kind: "incomplete", needed: total };
  return { kind: "frame", frame: bytes.subarray(0, total), consumed: total };
}

/** One datagram or one message is one frame. */
export function readMessage(bytes: Uint8Array): FrameResult {
  const result = cutMessage(bytes);
  if (result.kind === "frame" && result.consumed === bytes.length) return result;
  const reason = result.kind === "rejected" ? result.reason : "length";
  return { kind: "rejected", consumed: bytes.length, reason };
}

/** How every head that we wrote ends; what does not is refused before a parser has to fail on it, which costs 10 times more. */
const HEAD_END = /"bodyBytes":\d{1,6}\}$/;
const HEAD_END_BYTES = 20;

function parseHead(line: Uint8Array): { head: { [name: string]: string }; bodyBytes: number } | undefined {
  const end = Buffer.from(line.subarray(Math.max(0, line.length - HEAD_END_BYTES))).toString("latin1");
  if (!HEAD_END.test(end)) return undefined;
  const values = parseJson(line);
  if (values === null || typeof values !== "object" || Array.isArray(values)) return undefined;
  const { bodyBytes, ...rest } = values as { [name: string]: unknown };
  if (typeof bodyBytes !== "number" || !Number.isInteger(bodyBytes) || bodyBytes < 0) return undefined;
  const head: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(rest)) {
    if (typeof value !== "string") return undefined;
    head[name] = value;
  }
  return { head, bodyBytes };
}

/** The value of a JSON text, undefined where the bytes are not JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Deepest nesting kept of a JSON value that somebody invented; what is deeper is kept as text. */
const ATTRIBUTE_DEPTH_MAX = 4;

/** A JSON value as an attribute: numbers that JSON can write but no number can hold become null. */
export function attributeOf(value: unknown, depth = 0): AttributeValue {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value !== "object" || value === null) return null;
  if (depth === ATTRIBUTE_DEPTH_MAX) return JSON.stringify(value);
  if (Array.isArray(value)) return value.map((item) => attributeOf(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, attributeOf(item, depth + 1)]));
}

function garbageBytes(bytes: Uint8Array): number {
  const next = bytes.indexOf(OPENING_BRACE, 1);
  return next < 0 ? bytes.length : next;
}
