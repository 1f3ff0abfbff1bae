import type {
  Attributes,
  AttributeValue,
  DecodeContext,
  DecodeResult,
  Envelope,
  RejectReason,
  Report,
} from "../decoder.ts";
import { emptyReport, headingOf, placeReport } from "../empty-report.ts";
import { attributeOf, type Message, parseJson, parseMessage } from "../message-frame.ts";
import { uidOfMessage, uidOfTopic } from "./frame.ts";
import { openSecretbox } from "./secretbox.ts";

/**
 * OwnTracks payloads: JSON objects told apart by `_type`.
 * Source: OwnTracks booklet, Technical: JSON (2026-06), and Features: HTTP, Encryption.
 */
type Payload = { [name: string]: unknown };

/** Setting of a device that holds its payload passphrase. */
export const PAYLOAD_KEY_SETTING = "owntracks.payloadKey";

/** A message built this much later than its fix had waited in the app. */
const BUFFERED_AFTER_S = 60;
/** Most objects read from one message; the app sends one, bridges send lists. */
const OBJECTS_MAX = 1000;
/** The body that the app's HTTP mode reads as "stored, nothing for you". */
const HTTP_ANSWER = Buffer.from("[]");

const KPH_PER_MPS = 3.6;
const PA_PER_KPA = 1000;

export function readEnvelope(frame: Uint8Array): Envelope | { kind: "rejected"; reason: RejectReason } {
  const message = parseMessage(frame);
  if (!message) return { kind: "rejected", reason: "format" };
  const payloads = payloadsOf(message);
  const deviceUid = uidOfMessage(message) ?? payloads?.map(uidOfPayload).find((uid) => uid !== undefined);
  const ack = message.head.topic === undefined ? { ack: Uint8Array.from(HTTP_ANSWER) } : {};
  const named = deviceUid === undefined ? {} : { deviceUid };
  // An empty payload clears a retained message: nothing to keep.
  if (message.body.length === 0) return { kind: "heartbeat", keep: false, ...named, ...ack };
  if (!payloads) return { kind: "rejected", reason: "format" };
  return { kind: "data", keep: true, recordCount: payloads.length, ...named, ...ack };
}

export function decode(frame: Uint8Array, context: DecodeContext): DecodeResult {
  const message = parseMessage(frame);
  if (!message) return { kind: "undecodable", reason: "layout", detail: "not a message frame" };
  if (message.body.length === 0) return { kind: "decoded", reports: [] };
  const payloads = payloadsOf(message);
  if (!payloads) return { kind: "undecodable", reason: "layout", detail: "the payload is not a JSON object" };

  const reports: Report[] = [];
  let deviceUid = uidOfMessage(message);
  for (const outer of payloads) {
    const opened = openPayload(outer, context);
    if ("undecodable" in opened) return { kind: "undecodable", reason: "encrypted", detail: opened.undecodable };
    deviceUid ??= uidOfPayload(opened.payload);
    reports.push(...reportsOf(opened.payload, message.bodyStart, frame.length));
  }
  return deviceUid === undefined ? { kind: "decoded", reports } : { kind: "decoded", reports, deviceUid };
}

function payloadsOf({ body }: Message): Payload[] | undefined {
  const value = parseJson(body);
  const list = Array.isArray(value) ? value : [value];
  if (list.length === 0 || list.length > OBJECTS_MAX || !list.every(isPayload)) return undefined;
  return list;
}

function isPayload(value: unknown): value is Payload {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function openPayload(payload: Payload, context: DecodeContext): { payload: Payload } | { undecodable: string } {
  if (payload._type !== "encrypted") return { payload };
  const passphrase = context.settings?.[PAYLOAD_KEY_SETTING];
  const data = payload.data;
  if (typeof passphrase !== "string") return { undecodable: "the device has no payload key" };
  const plain = typeof data === "string" ? openSecretbox(data, passphrase) : undefined;
  const inner = plain && parseJson(plain);
  return isPayload(inner) ? { payload: inner } : { undecodable: "the payload key does not open the payload" };
}

/** The device as a payload names it: the topic that HTTP mode repeats, else the two-character tracker id. */
function uidOfPayload(payload: Payload): string | undefined {
  const { topic, tid } = payload;
  if (typeof topic === "string") return uidOfTopic(topic);
  return typeof tid === "string" && tid !== "" ? tid : undefined;
}

function reportsOf(payload: Payload, start: number, end: number): Report[] {
  const type = textOf(payload._type);
  const known = type === "location" || type === "transition" || type === "lwt";
  const report = emptyReport(type === "location" || type === "transition" ? "fix" : "status", start, end, {
    ...(known || type === undefined ? {} : { "owntracks.type": type }),
  });
  const tst = numberOf(payload.tst);
  report.timeMs = tst === undefined ? null : millisecondsOf(tst);
  if (type === "location") return [readLocation(report, payload)];
  if (type === "transition") return [readTransition(report, payload)];
  if (type === "cmd") report.kind = "commandReply";
  if (type === "lwt") report.event = "connection.lost";
  // The time of a last will is when the app connected, not when it was lost.
  if (type === "lwt") report.timeMs = null;
  keepRest(report.attributes, payload, STATUS_CONSUMED);
  return [report];
}

function readLocation(report: Report, payload: Payload): Report {
  const { attributes } = report;
  readPosition(report, payload);
  const trigger = textOf(payload.t);
  report.event = trigger === undefined ? null : (TRIGGERS[trigger] ?? `report.${trigger}`);
  const createdAt = numberOf(payload.created_at);
  const tst = numberOf(payload.tst);
  if (createdAt !== undefined && tst !== undefined) report.buffered = createdAt - tst > BUFFERED_AFTER_S;
  set(attributes, "battery.level", numberOf(payload.batt));
  const charge = numberOf(payload.bs);
  if (charge !== undefined && charge > 0) attributes["battery.charging"] = charge >= 2;
  const vac = numberOf(payload.vac);
  set(attributes, "altitude.accuracy", vac);
  const pressureKpa = numberOf(payload.p);
  set(attributes, "pressure", pressureKpa === undefined ? undefined : pressureKpa * PA_PER_KPA);
  set(attributes, "network.type", CONNECTIONS[textOf(payload.conn) ?? ""]);
  set(attributes, "wifi.ssid", textOf(payload.SSID));
  set(attributes, "wifi.bssid", textOf(payload.BSSID));
  keepRest(attributes, payload, LOCATION_CONSUMED);
  return report;
}

function readTransition(report: Report, payload: Payload): Report {
  readPosition(report, payload);
  const event = textOf(payload.event);
  report.event = event === "enter" ? "region.entered" : event === "leave" ? "region.exited" : null;
  set(report.attributes, "region.name", textOf(payload.desc));
  set(report.attributes, "region.id", textOf(payload.rid));
  keepRest(report.attributes, payload, TRANSITION_CONSUMED);
  return report;
}

function readPosition(report: Report, payload: Payload): void {
  const latDeg = numberOf(payload.lat);
  const lonDeg = numberOf(payload.lon);
  if (latDeg !== undefined && lonDeg !== undefined) placeReport(report, latDeg, lonDeg, true);
  report.altitudeM = numberOf(payload.alt) ?? null;
  const speedKph = numberOf(payload.vel);
  // The app writes -1 where the phone knows no speed.
  report.speedMps = speedKph === undefined || speedKph < 0 ? null : speedKph / KPH_PER_MPS;
  report.headingDeg = headingOf(numberOf(payload.cog) ?? Number.NaN);
  const accuracyM = numberOf(payload.acc);
  report.accuracyM = accuracyM === undefined || accuracyM < 0 ? null : accuracyM;
}

const TRIGGERS: { readonly [trigger: string]: string } = {
  p: "report.ping",
  c: "report.region",
  C: "report.region",
  b: "report.beacon",
  r: "report.requested",
  u: "report.manual",
  t: "report.timer",
  v: "report.frequent",
};

const CONNECTIONS: { readonly [connection: string]: string } = { w: "wifi", m: "mobile", o: "offline" };

const STATUS_CONSUMED = new Set(["_type", "tst", "tid", "topic", "_id", "password", "configuration"]);
const TRANSITION_CONSUMED = new Set([..."lat lon acc alt vel cog event desc rid".split(" "), ...STATUS_CONSUMED]);
const LOCATION_CONSUMED = new Set([
  ..."lat lon acc alt vel cog batt bs vac p conn SSID BSSID t created_at".split(" "),
  ...STATUS_CONSUMED,
]);

/** Keeps what has no name of ours under `owntracks.<key>`, as it came. */
function keepRest(attributes: Attributes, payload: Payload, consumed: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(payload)) {
    if (!consumed.has(name)) attributes[`owntracks.${name}`] = attributeOf(value);
  }
}

function set(attributes: Attributes, name: string, value: AttributeValue | undefined): void {
  if (value !== undefined) attributes[name] = value;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** Unix seconds as milliseconds, null where no calendar has such a moment. */
function millisecondsOf(seconds: number): number | null {
  const timeMs = Math.round(seconds * 1000);
  return Math.abs(timeMs) <= 8.64e15 ? timeMs : null;
}
