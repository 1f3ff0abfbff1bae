import fc from "fast-check";
import { expect, test } from "vitest";
import type { DecodeContext, Report } from "../decoder.ts";
import { command, encodeFrame, gt06, location, login, reply, timeReply, ZONE_MEMORY, ZONE_SETTING } from "./index.ts";

const context: DecodeContext = { transport: "tcp", deviceUid: null, model: null, receivedAtMs: 0 };
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");

const fix = {
  latDeg: -12.5,
  lonDeg: 38.25,
  timeMs: Date.UTC(2024, 1, 29, 23, 59, 58),
  speedMps: 20,
  headingDeg: 359,
  satellites: 7,
  positioned: true,
  ignition: true,
};

function reportOf(frame: Uint8Array, more: Partial<DecodeContext> = {}): Report {
  const result = gt06.decode(frame, { ...context, ...more });
  if (result.kind !== "decoded") throw new Error(result.detail);
  return result.reports[0]!;
}

test("the answers are the ones of the vendor's examples", () => {
  expect(hex(reply(0x01, 5))).toBe("7878050100059ff80d0a");
  expect(hex(reply(0x13, 0x0100))).toBe("787805130100e1a00d0a");
  expect(hex(timeReply(6, Date.UTC(2015, 11, 29, 0, 0, 21)))).toBe("78780b8a0f0c1d0000150006f0860d0a");
  expect(hex(command("sos#", 0, 1))).toBe("78780e800800000000736f732300016d6a0d0a");
});

test("a time request is answered with the time of receipt, and not at all without one", () => {
  const request = Buffer.from("7878058A000688290D0A", "hex");
  const answer = gt06.envelope(request, "tcp", Date.UTC(2015, 11, 29, 0, 0, 21));
  expect(answer).toMatchObject({ kind: "heartbeat", keep: false });
  expect(answer.kind === "heartbeat" && hex(answer.ack)).toBe("78780b8a0f0c1d0000150006f0860d0a");
  expect(gt06.envelope(request, "tcp")).not.toHaveProperty("ack");
});

test("a login that names a zone is kept, and the zone shifts the times after it", () => {
  const frame = login("356938035643809", 1, { type: 0x100b, zoneMinutes: 480 });
  expect(gt06.envelope(frame, "tcp")).toMatchObject({ kind: "login", deviceUid: "356938035643809", keep: true });
  const result = gt06.decode(frame, context);
  const memory = result.kind === "decoded" ? result.memory! : {};
  expect(memory).toEqual({ "gt06.type": 0x100b, [ZONE_MEMORY]: 480 });
  expect(reportOf(location(fix, 2), { memory }).timeMs).toBe(fix.timeMs - 480 * 60_000);
});

test("a zone from the registration beats the one of the login", () => {
  const memory = { [ZONE_MEMORY]: 480 };
  expect(reportOf(location(fix, 2), { memory, settings: { [ZONE_SETTING]: 0 } }).timeMs).toBe(fix.timeMs);
});

test("a login without a zone need not be kept", () => {
  expect(gt06.envelope(login("356938035643809", 1), "tcp")).toMatchObject({ kind: "login", keep: false });
});

test("what a location is encoded from comes back", () => {
  expect(reportOf(location(fix, 2))).toMatchObject({ ...{ kind: "fix", valid: true, satellites: 7, headingDeg: 359 } });
  const report = reportOf(location({ ...fix, odometerM: 1234 }, 2));
  expect(report.latDeg).toBeCloseTo(-12.5, 6);
  expect(report.lonDeg).toBeCloseTo(38.25, 6);
  expect(report.speedMps).toBeCloseTo(20, 6);
  expect(report.attributes).toMatchObject({ odometer: 1234, ignition: true });
});

test("the same record sent again with another serial has the same bytes", () => {
  const bytesOf = (frame: Uint8Array): string => {
    const { bytesStart, bytesEnd } = reportOf(frame);
    return hex(frame.subarray(bytesStart, bytesEnd));
  };
  expect(bytesOf(location(fix, 2))).toBe(bytesOf(location(fix, 3)));
  expect(bytesOf(location(fix, 2))).not.toBe(bytesOf(location({ ...fix, timeMs: fix.timeMs + 1000 }, 2)));
});

test("a block behind an IMEI, an alarm word or a second time is found under any number", () => {
  const block = location(fix, 2).subarray(4, 4 + 18);
  const date = block.subarray(0, 6);
  const id = Buffer.from("0356938035643809", "hex");
  for (const front of [[], [0, 0, 0, 0], [...id], [1, ...id], [1, ...id, ...date]]) {
    const content = Uint8Array.from([...front, ...block, 1, 2, 3]);
    for (const number of [0x12, 0x22, 0x25, 0x34, 0xe7]) {
      const report = reportOf(encodeFrame(number, content, 1));
      expect([report.timeMs, report.valid], `number ${number} behind ${front.length}`).toEqual([fix.timeMs, true]);
      expect(report.latDeg).toBeCloseTo(-12.5, 6);
    }
  }
});

test("a list of cells never passes for a position, whatever the country", () => {
  const date = [24, 2, 29, 12, 0, 0];
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 999 }), fc.uint8Array({ minLength: 40, maxLength: 60 }), (mcc, cells) => {
      const content = Uint8Array.from([...date, mcc >> 8, mcc & 0xff, ...cells]);
      for (const number of [0x24, 0x28, 0x2e, 0x17]) {
        expect(reportOf(encodeFrame(number, content, 1)).kind).not.toBe("fix");
      }
    }),
  );
});

test("a captured login with a wrong checksum still says whose frames follow, but no session accepts it", () => {
  const capture = login("356938035643809", 1, { type: 1, zoneMinutes: 60 });
  capture[capture.length - 3]! ^= 0xff;
  expect(gt06.identify?.(capture)).toEqual({
    deviceUid: "356938035643809",
    memory: { "gt06.type": 1, [ZONE_MEMORY]: 60 },
  });
  expect(gt06.openStream().next(capture)).toMatchObject({ kind: "rejected", reason: "checksum" });
});
