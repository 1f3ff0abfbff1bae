import { describe, expect, it } from "vitest";
import type { Report, Transport } from "#decoders/decoder.ts";
import { encodeAddressedCommand, encodeCommand } from "#decoders/teltonika/encode.ts";
import { teltonika } from "#decoders/teltonika/index.ts";
import type { SimulatedRecord } from "../device.ts";
import { seededRandom } from "../random.ts";
import { tcpDialect, teltonikaTcp, udpDialect } from "./teltonika.ts";
import { randomRecords } from "./test-records.ts";

const IMEI = "356307042441013";
const RECORDS_PER_PACKET = 20;

function decode(frame: Uint8Array, transport: Transport): Report[] {
  const result = teltonika.decode(frame, { transport, deviceUid: IMEI, model: "FMB120", receivedAtMs: 0 });
  if (result.kind !== "decoded") throw new Error(result.detail);
  return result.reports;
}

function packets(): SimulatedRecord[][] {
  const records = randomRecords(2_000);
  return Array.from({ length: records.length / RECORDS_PER_PACKET }, (_, index) =>
    records.slice(index * RECORDS_PER_PACKET, (index + 1) * RECORDS_PER_PACKET),
  );
}

function expectSame(reports: readonly Report[], records: readonly SimulatedRecord[]): void {
  expect(reports).toHaveLength(records.length);
  reports.forEach((report, index) => {
    const record = records[index]!;
    expect(report).toMatchObject({ kind: "fix", timeMs: record.timeMs, valid: true, satellites: record.satellites });
    expect(report.latDeg).toBeCloseTo(record.latDeg, 6);
    expect(report.lonDeg).toBeCloseTo(record.lonDeg, 6);
    expect(report.altitudeM).toBe(record.altitudeM);
    expect(Math.abs(report.speedMps! - record.speedMps)).toBeLessThanOrEqual(0.5 / 3.6 + 1e-9);
    expect(report.attributes.ignition).toBe(record.ignition);
    expect(report.event === null).toBe(record.event === null);
    expect(teltonikaTcp.readMarker(report.attributes, record.run)).toBe(record.marker);
    expect(teltonikaTcp.readMarker(report.attributes, record.run + 1)).toBeUndefined();
  });
}

describe("the bytes of a simulated Teltonika device", () => {
  it("are read by the decoder as the records that were meant, over TCP", () => {
    for (const records of packets()) {
      const bytes = tcpDialect.encode(IMEI, records);
      const step = teltonika.openStream().next(bytes);
      if (step.kind !== "frame") throw new Error(step.kind);
      expect(step.consumed).toBe(bytes.length);
      expectSame(decode(step.frame, "tcp"), records);
    }
  });

  it("are read by the decoder as the records that were meant, over UDP", () => {
    for (const [number, records] of packets().entries()) {
      const step = teltonika.readDatagram(udpDialect.encode(IMEI, records, number));
      if (step.kind !== "frame") throw new Error(step.kind);
      const envelope = teltonika.envelope(step.frame, "udp");
      if (envelope.kind !== "data") throw new Error(envelope.kind);
      expect(envelope.deviceUid).toBe(IMEI);
      expect(udpDialect.readAnswer(envelope.ack!, IMEI)).toEqual({
        kind: "ack",
        packetNumber: number,
        records: records.length,
      });
      expectSame(decode(step.frame, "udp"), records);
    }
  });

  it("begin with the login of the vendor's example", () => {
    expect(Buffer.from(tcpDialect.login(IMEI)!).toString("hex")).toBe("000f333536333037303432343431303133");
  });

  it("name a device by a well-formed IMEI, another for each device, the same for the same seed", () => {
    const uids = Array.from({ length: 500 }, (_, index) => teltonikaTcp.makeUid(seededRandom(4, "uids"), index));
    expect(new Set(uids).size).toBe(500);
    expect(uids[0]).toBe(teltonikaTcp.makeUid(seededRandom(4, "uids"), 0));
    expect(uids[0]).not.toBe(teltonikaTcp.makeUid(seededRandom(5, "uids"), 0));
    for (const uid of uids) {
      expect(uid).toMatch(/^35\d{13}$/);
      const sum = [...uid].reverse().reduce((total, digit, index) => {
        const doubled = Number(digit) * (index % 2 === 1 ? 2 : 1);
        return total + (doubled > 9 ? doubled - 9 : doubled);
      }, 0);
      expect(sum % 10).toBe(0);
    }
  });

  it("understand the answers: accepted, refused, a count, a count that is not complete yet, and a command", () => {
    expect(tcpDialect.readAnswer(Uint8Array.of(1), "login")).toEqual({ kind: "accepted", consumed: 1 });
    expect(tcpDialect.readAnswer(Uint8Array.of(0), "login")).toEqual({ kind: "refused", consumed: 1 });
    expect(tcpDialect.readAnswer(Uint8Array.of(7), "login")).toEqual({ kind: "strange" });
    expect(tcpDialect.readAnswer(Uint8Array.of(0, 0, 1, 2), "ack")).toEqual({ kind: "ack", consumed: 4, records: 258 });
    expect(tcpDialect.readAnswer(Uint8Array.of(0, 0, 1), "ack")).toEqual({ kind: "incomplete" });
    for (const command of [encodeCommand("getver"), encodeAddressedCommand(IMEI, "getver")]) {
      const answer = tcpDialect.readAnswer(command, "ack");
      if (answer.kind !== "command") throw new Error(answer.kind);
      expect(answer.consumed).toBe(command.length);
      expect(decode(answer.reply, "tcp")).toMatchObject([
        { kind: "commandReply", attributes: { "command.text": "getver OK", "command.type": 6 } },
      ]);
      expect(tcpDialect.readAnswer(command.subarray(0, -1), "ack").kind).toBe("incomplete");
    }
    expect(udpDialect.readAnswer(Uint8Array.of(0, 5, 0xca, 0xfe, 1, 9, 3), IMEI)).toEqual({
      kind: "ack",
      packetNumber: 9,
      records: 3,
    });
    expect(udpDialect.readAnswer(Uint8Array.of(0, 6, 0xca, 0xfe, 1, 9, 3), IMEI)).toBeUndefined();
  });
});
