import { describe, expect, it } from "vitest";
import type { Report } from "#decoders/decoder.ts";
import { frameOf as frameOfRequest } from "#decoders/osmand/frame.ts";
import { osmand } from "#decoders/osmand/index.ts";
import { commandMessage, frameOf as frameOfPublish, owntracks } from "#decoders/owntracks/index.ts";
import type { DeviceProtocol, SimulatedRecord } from "../device.ts";
import type { HttpDialect } from "../links/http-link.ts";
import { jsonDialect, osmandJson, osmandQuery, queryDialect } from "./osmand.ts";
import { owntracksDialect, owntracksMqtt } from "./owntracks.ts";
import { randomRecords } from "./test-records.ts";

const UID = "driver1/phone";
const CONTEXT = { deviceUid: UID, model: null, receivedAtMs: 0 };

function expectSame(report: Report, record: SimulatedRecord, device: DeviceProtocol, speedErrorMps: number): void {
  expect(report).toMatchObject({ kind: "fix", timeMs: record.timeMs, valid: true });
  expect(report.latDeg).toBeCloseTo(record.latDeg, 6);
  expect(report.lonDeg).toBeCloseTo(record.lonDeg, 6);
  expect(report.altitudeM).toBe(record.altitudeM);
  expect(Math.abs(report.speedMps! - record.speedMps)).toBeLessThanOrEqual(speedErrorMps);
  expect(device.readMarker(report.attributes, record.run)).toBe(record.marker);
  expect(device.readMarker(report.attributes, record.run + 1)).toBeUndefined();
}

function decodeLocation(payload: Uint8Array): Report {
  const frame = frameOfPublish(owntracksDialect.topic(UID), payload);
  const result = owntracks.decode(frame, { ...CONTEXT, transport: "mqtt" });
  if (result.kind !== "decoded") throw new Error(result.detail);
  expect(result.deviceUid).toBe(UID);
  return result.reports[0]!;
}

describe("the messages of simulated phones", () => {
  it("are read by the OwnTracks decoder as the records that were meant", () => {
    for (const record of randomRecords(200, owntracksMqtt.clock.stepMs)) {
      expectSame(decodeLocation(owntracksDialect.encode(record)), record, owntracksMqtt, 0.5 / 3.6 + 1e-9);
    }
  });

  it.each<[string, HttpDialect, DeviceProtocol, number]>([
    ["query", queryDialect, osmandQuery, 1],
    ["JSON, one by one", jsonDialect, osmandJson, 1],
    ["JSON batch", jsonDialect, osmandJson, 20],
  ])("are read by the OsmAnd decoder as the records that were meant: %s", (_form, dialect, device, batch) => {
    const records = randomRecords(200, device.clock.stepMs);
    for (let at = 0; at < records.length; at += batch) {
      const sent = records.slice(at, at + batch);
      const { method, path, headers, body } = dialect.encode(UID, "secret", sent);
      expect(headers.authorization).toBe(`Basic ${Buffer.from(`${UID}:secret`).toString("base64")}`);
      const contentType = headers["content-type"];
      const frame = frameOfRequest({ method, path, body, ...(contentType ? { contentType } : {}) });
      expect(osmand.envelope(frame, "http")).toMatchObject({ kind: "data", deviceUid: UID, recordCount: sent.length });
      const result = osmand.decode(frame, { ...CONTEXT, transport: "http" });
      if (result.kind !== "decoded") throw new Error(result.detail);
      expect(result.reports).toHaveLength(sent.length);
      for (const [index, report] of result.reports.entries()) expectSame(report, sent[index]!, device, 1e-9);
    }
  });

  it("answer the command to report with the last position, which is no record of a run", () => {
    const [record] = randomRecords(1, 1_000);
    const { topic, payload } = commandMessage(owntracksDialect.topic(UID), { action: "reportLocation" });
    expect(topic).toBe(owntracksDialect.commandTopic(UID));
    const answer = decodeLocation(owntracksDialect.answerTo(payload, record)!);
    expect(answer).toMatchObject({ kind: "fix", event: "report.requested", timeMs: record!.timeMs });
    expect(owntracksMqtt.readMarker(answer.attributes, record!.run)).toBeUndefined();
    expect(owntracksDialect.answerTo(payload, undefined)).toBeUndefined();
    expect(owntracksDialect.answerTo(Buffer.from('{"_type":"cmd","action":"dump"}'), record)).toBeUndefined();
  });
});
