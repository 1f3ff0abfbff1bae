import { expect, test } from "vitest";
import type { DecodeContext } from "../decoder.ts";
import {
  commandMessage,
  encryptedPayload,
  frameOf,
  frameOfPost,
  owntracks,
  PAYLOAD_KEY_SETTING,
  uidOfTopic,
} from "./index.ts";

const context: DecodeContext = { transport: "mqtt", deviceUid: null, model: null, receivedAtMs: 0 };
const plain = Buffer.from(`{"_type":"location","lat":1,"lon":2,"tst":1700000000}`);
const nonce = Uint8Array.from({ length: 24 }, (_, index) => index);

test("the device of a topic is its user and device, whatever the root and the kind of message", () => {
  expect(uidOfTopic("owntracks/ana/phone")).toBe("ana/phone");
  expect(uidOfTopic("owntracks/ana/phone/event")).toBe("ana/phone");
  expect(uidOfTopic("a/b/ana/phone/waypoints")).toBe("ana/phone");
  expect(uidOfTopic("ana/status")).toBe("ana/status");
  expect(uidOfTopic("")).toBeUndefined();
});

test("an encrypted payload opens with the device's key and with no other", () => {
  const frame = frameOf("owntracks/ana/phone", encryptedPayload(plain, "correct horse", nonce));
  const withKey = (key?: string) =>
    owntracks.decode(frame, key === undefined ? context : { ...context, settings: { [PAYLOAD_KEY_SETTING]: key } });
  expect(withKey("correct horse")).toMatchObject({ kind: "decoded", reports: [{ latDeg: 1, lonDeg: 2 }] });
  expect(withKey("wrong horse")).toMatchObject({ kind: "undecodable", reason: "encrypted" });
  expect(withKey("x".repeat(33))).toMatchObject({ kind: "undecodable", reason: "encrypted" });
  expect(withKey()).toMatchObject({ kind: "undecodable", reason: "encrypted" });
});

test("a changed bit of an encrypted payload is noticed", () => {
  const payload = JSON.parse(Buffer.from(encryptedPayload(plain, "k", nonce)).toString()) as { data: string };
  const sealed = Buffer.from(payload.data, "base64");
  sealed[sealed.length - 1]! ^= 1;
  const frame = frameOf("o/a/b", Buffer.from(JSON.stringify({ ...payload, data: sealed.toString("base64") })));
  const result = owntracks.decode(frame, { ...context, settings: { [PAYLOAD_KEY_SETTING]: "k" } });
  expect(result).toMatchObject({ kind: "undecodable", reason: "encrypted" });
});

test("HTTP mode names the device by header, by topic in the payload, or by tracker id", () => {
  const withTopic = Buffer.from(`{"_type":"location","lat":1,"lon":2,"tst":1,"topic":"owntracks/bo/pad","tid":"bo"}`);
  const withId = Buffer.from(`{"_type":"location","lat":1,"lon":2,"tst":1,"tid":"bo"}`);
  const uid = (frame: Uint8Array) => {
    const envelope = owntracks.envelope(frame, "http");
    return envelope.kind === "data" ? envelope.deviceUid : envelope.kind;
  };
  expect(uid(frameOfPost({ user: "ana", device: "phone", body: withTopic }))).toBe("ana/phone");
  expect(uid(frameOfPost({ body: withTopic }))).toBe("bo/pad");
  expect(uid(frameOfPost({ body: withId }))).toBe("bo");
});

test("a location without a speed or with -1 has no speed, and 0 is a speed", () => {
  const speed = (more: string) => {
    const frame = frameOf("o/a/b", Buffer.from(`{"_type":"location","lat":1,"lon":2,"tst":1${more}}`));
    const result = owntracks.decode(frame, context);
    return result.kind === "decoded" ? result.reports[0]?.speedMps : undefined;
  };
  expect(speed("")).toBeNull();
  expect(speed(`,"vel":-1`)).toBeNull();
  expect(speed(`,"vel":0`)).toBe(0);
  expect(speed(`,"vel":36`)).toBe(10);
});

test("a command goes to the device's own cmd topic", () => {
  const { topic, payload } = commandMessage("owntracks/ana/phone", { action: "reportLocation" });
  expect(topic).toBe("owntracks/ana/phone/cmd");
  expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ _type: "cmd", action: "reportLocation" });
});

test("a publish, a request and a payload that were written down are read", () => {
  const payload = `{"_type":"location","lat":1,"lon":2,"tst":1,"tid":"bo"}`;
  const uidOf = (line: object | string): string | undefined => {
    const framed = owntracks.frameOfLine?.(typeof line === "string" ? line : JSON.stringify(line));
    const result = owntracks.decode(framed!.frame, context);
    return result.kind === "decoded" ? result.deviceUid : result.reason;
  };
  expect(uidOf({ topic: "owntracks/ana/phone", payload })).toBe("ana/phone");
  expect(uidOf({ http: { method: "POST", path: "/pub?u=ana&d=pad", body: payload } })).toBe("ana/pad");
  expect(uidOf({ method: "POST", headers: { "X-Limit-U": "ana", "x-limit-d": "tab" }, body: payload })).toBe("ana/tab");
  expect(uidOf(payload)).toBe("bo");
});
