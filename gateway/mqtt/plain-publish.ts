/** What is read of a plain publish; `end` is the offset behind it. `payload` is a view. */
export type PlainPublish = { messageId: number; payload: Buffer; end: number };

/** PUBLISH with QoS 1, not retained; with DUP or without. */
const PUBLISH_QOS_1 = 0x32;
const DUP = 0x08;
/** A remaining length has at most four bytes of seven bits. */
const LENGTH_SHIFT_MAX = 21;

/**
 * Reads the publish that starts at `at` if it is plain: whole, QoS 1, not retained, under `topic`, with a packet
 * identifier and a payload of 1 to `payloadBytesMax` bytes. Undefined for all else, right or wrong: that is the broker's.
 *
 *     0x32 or 0x3a · remaining length (1 to 4 bytes) · topic length (2) · topic · packet identifier (2) · payload
 *
 * Source: MQTT 3.1.1, section 3.3. Past the broker a publish costs a third (`bench/mqtt-acks.ts`).
 */
export function readPlainPublish(
  bytes: Buffer,
  at: number,
  topic: Buffer,
  payloadBytesMax: number,
): PlainPublish | undefined {
  if ((bytes[at]! & ~DUP) !== PUBLISH_QOS_1) return undefined;
  let start = at + 1;
  let rest = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[start++];
    if (byte === undefined || shift > LENGTH_SHIFT_MAX) return undefined;
    rest += (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const end = start + rest;
  const topicStart = start + 2;
  const payloadStart = topicStart + topic.length + 2;
  if (end > bytes.length || payloadStart >= end || end - payloadStart > payloadBytesMax) return undefined;
  if (((bytes[start]! << 8) | bytes[start + 1]!) !== topic.length) return undefined;
  if (topic.compare(bytes, topicStart, topicStart + topic.length) !== 0) return undefined;
  const messageId = (bytes[payloadStart - 2]! << 8) | bytes[payloadStart - 1]!;
  return messageId === 0 ? undefined : { messageId, payload: bytes.subarray(payloadStart, end), end };
}
