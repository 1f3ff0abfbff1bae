import { expect, test } from "vitest";
import { readPlainPublish } from "./plain-publish.ts";
import { packetBytes, publishBytes } from "./test-phones.ts";

const TOPIC = Buffer.from("owntracks/ana/phone");
const PAYLOAD_BYTES_MAX = 200;
const read = (bytes: Uint8Array, at = 0) => readPlainPublish(Buffer.from(bytes), at, TOPIC, PAYLOAD_BYTES_MAX);

test("a plain publish is read where it stands, resent or not", () => {
  const bytes = Buffer.from(publishBytes({ payload: "hello", messageId: 0x1234 }));
  const expected = { messageId: 0x1234, payload: Buffer.from("hello"), end: bytes.length };
  expect(read(bytes)).toEqual(expected);
  expect(read(Buffer.concat([bytes, bytes]), bytes.length)).toEqual({ ...expected, end: 2 * bytes.length });
  bytes[0]! |= 0x08;
  expect(read(bytes)).toEqual(expected);
});

test("a length of two bytes is read, and one of the payload's most bytes", () => {
  const bytes = publishBytes({ payload: "x".repeat(PAYLOAD_BYTES_MAX) });
  expect(read(bytes)?.end).toBe(bytes.length);
});

test("a publish that is cut anywhere is not plain", () => {
  const bytes = publishBytes({ payload: "x".repeat(150) });
  for (let length = 0; length < bytes.length; length++) expect(read(bytes.subarray(0, length))).toBeUndefined();
});

const others: [what: string, bytes: Uint8Array][] = [
  ["QoS 0", publishBytes({ qos: 0 })],
  ["QoS 2", publishBytes({ qos: 2 })],
  ["QoS 3", packetBytes(0x36, publishBytes().subarray(2))],
  ["a retained one", publishBytes({ retain: true })],
  ["another topic", publishBytes({ topic: "owntracks/bob/phone" })],
  ["a longer topic", publishBytes({ topic: "owntracks/ana/phone/cmd" })],
  ["a shorter topic", publishBytes({ topic: "owntracks/ana/phon", payload: "e{}" })],
  ["the packet identifier 0", publishBytes({ messageId: 0 })],
  ["no payload", publishBytes({ payload: "" })],
  ["too long a payload", publishBytes({ payload: "x".repeat(PAYLOAD_BYTES_MAX + 1) })],
  ["a length of five bytes", Buffer.concat([Buffer.of(0x32, 0x9d, 0x80, 0x80, 0x80, 0), publishBytes().subarray(2)])],
  ["a length that ends inside the topic", packetBytes(0x32, publishBytes().subarray(2), 10)],
  ["a subscription", packetBytes(0x82, publishBytes().subarray(2))],
];

test.each(others)("%s is left to the broker", (_, bytes) => {
  expect(read(bytes)).toBeUndefined();
});
