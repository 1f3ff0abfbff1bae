import { describe, expect, it } from "vitest";
import type { ProtocolDecoder, Report } from "#decoders/decoder.ts";
import { command as gt06Command } from "#decoders/gt06/encode.ts";
import { gt06 } from "#decoders/gt06/index.ts";
import { command as queclinkCommand } from "#decoders/queclink/encode.ts";
import { queclink } from "#decoders/queclink/index.ts";
import type { DeviceProtocol, SimulatedRecord } from "../device.ts";
import type { MessageDialect, MessageHead } from "../links/message-link.ts";
import { gt06Dialect, gt06Tcp } from "./gt06.ts";
import { queclinkDialect, queclinkTcp } from "./queclink.ts";
import { randomRecords } from "./test-records.ts";

const IMEI = "356307042441013";
const HEAD: MessageHead = { number: 0x1a2b, sentMs: Date.UTC(2026, 0, 1), madeOffline: false, outlived: false };

type Subject = { decoder: ProtocolDecoder; device: DeviceProtocol; dialect: MessageDialect };
const SUBJECTS: Subject[] = [
  { decoder: queclink, device: queclinkTcp, dialect: queclinkDialect },
  { decoder: gt06, device: gt06Tcp, dialect: gt06Dialect },
];

/** The one frame in these bytes. */
function frameOf(decoder: ProtocolDecoder, bytes: Uint8Array): Uint8Array {
  const step = decoder.openStream().next(bytes);
  if (step.kind !== "frame") throw new Error(step.kind);
  expect(step.consumed).toBe(bytes.length);
  return step.frame;
}

function decode({ decoder, device, dialect }: Subject, bytes: Uint8Array): Report[] {
  const login = dialect.login ? frameOf(decoder, dialect.login(IMEI, 1)) : undefined;
  const context = { transport: "tcp", deviceUid: IMEI, model: device.model, receivedAtMs: 0 } as const;
  const loggedIn = login && decoder.decode(login, context);
  const memory = loggedIn?.kind === "decoded" ? (loggedIn.memory ?? {}) : {};
  const result = decoder.decode(frameOf(decoder, bytes), { ...context, memory });
  if (result.kind !== "decoded") throw new Error(result.detail);
  return result.reports;
}

function expectSame(report: Report, record: SimulatedRecord, { device }: Subject): void {
  expect(report).toMatchObject({ kind: "fix", timeMs: record.timeMs, valid: true });
  expect(report.latDeg).toBeCloseTo(record.latDeg, 5);
  expect(report.lonDeg).toBeCloseTo(record.lonDeg, 5);
  expect(Math.abs(report.speedMps! - record.speedMps)).toBeLessThanOrEqual(0.5 / 3.6 + 1e-9);
  if (record.event) expect(report.event).toBe(record.ignition ? "ignition.on" : "ignition.off");
  expect(device.readMarker(report.attributes, record.run)).toBe(record.marker);
  expect(device.readMarker(report.attributes, record.run + 1)).toBeUndefined();
}

describe.each(SUBJECTS)("the bytes of a simulated $decoder.protocol tracker", (subject) => {
  const { decoder, device, dialect } = subject;

  it("are read by the decoder as the records that were meant, each once", () => {
    const records = randomRecords(400, device.clock.stepMs);
    const groups = dialect.group(records);
    expect(groups.flat()).toEqual(records);
    for (const group of groups) {
      const reports = decode(subject, dialect.encode(IMEI, group, HEAD));
      expect(reports).toHaveLength(group.length);
      expect(new Set(reports.map(({ timeMs }) => timeMs)).size).toBe(group.length);
      for (const [index, report] of reports.entries()) expectSame(report, group[index]!, subject);
      // A report of several positions tells the state once, of its last one.
      expect(reports.at(-1)!.attributes.ignition).toBe(group.at(-1)!.ignition);
    }
  });

  it("say what was kept while there was no connection", () => {
    const [record] = randomRecords(1, 1_000);
    const [live] = decode(subject, dialect.encode(IMEI, [{ ...record!, event: null }], HEAD));
    const [kept] = decode(subject, dialect.encode(IMEI, [{ ...record!, event: null }], { ...HEAD, madeOffline: true }));
    expect(live!.buffered).toBe(false);
    expect(kept!.buffered).toBe(true);
  });

  it("have the same bytes of the report when a message is sent again", () => {
    const [record] = randomRecords(1, 1_000);
    const again = { ...HEAD, number: dialect.numbered === "sending" ? HEAD.number + 1 : HEAD.number, outlived: true };
    const reported = [HEAD, again].map((head) => {
      const bytes = dialect.encode(IMEI, [record!], head);
      const [report] = decode(subject, bytes);
      return Buffer.from(bytes.subarray(report!.bytesStart, report!.bytesEnd)).toString("hex");
    });
    expect(reported[0]).toBe(reported[1]);
  });

  it("take the gateway's answers for the messages that they answer, and for no others", () => {
    const [record] = randomRecords(1, 1_000);
    const messages = {
      report: dialect.encode(IMEI, [record!], HEAD),
      heartbeat: dialect.heartbeat(IMEI, HEAD.number, record),
      ...(dialect.login ? { login: dialect.login(IMEI, HEAD.number) } : {}),
    };
    for (const [to, bytes] of Object.entries(messages)) {
      const envelope = decoder.envelope(frameOf(decoder, bytes), "tcp");
      if (envelope.kind === "rejected") throw new Error(envelope.reason);
      const answer = envelope.kind === "login" ? envelope.accept : envelope.ack!;
      expect(dialect.readAnswer(answer, IMEI)).toEqual({
        kind: "answer",
        consumed: answer.length,
        to,
        number: HEAD.number,
      });
      for (let cut = 0; cut < answer.length; cut++) {
        expect(dialect.readAnswer(answer.subarray(0, cut), IMEI).kind).toBe("incomplete");
      }
    }
    expect(dialect.readAnswer(Buffer.from("HTTP/1.1 400 Bad Request\r\n$"), IMEI).kind).toBe("strange");
  });

  it("answer a command so that the decoder finds what it answers", () => {
    const commands: { [protocol: string]: { bytes: Uint8Array; found: object } } = {
      queclink: { bytes: queclinkCommand("GTRTO", "gv300", ["1", ""], 0x77), found: { "command.serial": "0077" } },
      gt06: { bytes: gt06Command("STATUS#", 0x77, 5), found: { "command.flag": 0x77, "command.text": "STATUS# OK" } },
    };
    const { bytes, found } = commands[decoder.protocol]!;
    const answer = dialect.readAnswer(bytes, IMEI);
    if (answer.kind !== "command") throw new Error(answer.kind);
    const [report] = decode(subject, answer.reply(9));
    expect(report).toMatchObject({ kind: "commandReply", attributes: found });
  });
});
