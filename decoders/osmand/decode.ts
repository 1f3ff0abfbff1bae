import type { DecodeContext, DecodeResult, Envelope, RejectReason } from "../decoder.ts";
import { type Message, parseMessage } from "../message-frame.ts";
import { isJson, parametersOf } from "./frame.ts";
import { readBatch, readLocation } from "./location-json.ts";
import { readQuery } from "./query.ts";

/** What a request must have to be accepted: a device id. Everything else may be missing. */
export function readEnvelope(frame: Uint8Array): Envelope | { kind: "rejected"; reason: RejectReason } {
  const message = parseMessage(frame);
  if (!message) return { kind: "rejected", reason: "format" };
  // An empty body with status 200 is the answer.
  const ack = new Uint8Array(0);
  if (isJson(message)) {
    const batch = readBatch(message.body);
    if (!batch) return { kind: "rejected", reason: "format" };
    if (batch.deviceId === undefined) return { kind: "rejected", reason: "login" };
    return { kind: "data", keep: true, deviceUid: batch.deviceId, recordCount: batch.locations.length, ack };
  }
  const deviceUid = deviceIdOf(parametersOf(message));
  if (deviceUid === undefined) return { kind: "rejected", reason: "login" };
  return { kind: "data", keep: true, deviceUid, recordCount: 1, ack };
}

export function decode(frame: Uint8Array, context: DecodeContext): DecodeResult {
  const message = parseMessage(frame);
  if (!message) return { kind: "undecodable", reason: "layout", detail: "not a request frame" };
  if (isJson(message)) return decodeJson(message, context);
  const parameters = parametersOf(message);
  const deviceUid = deviceIdOf(parameters);
  if (!parameters || deviceUid === undefined) {
    return { kind: "undecodable", reason: "layout", detail: "the request names no device" };
  }
  return { kind: "decoded", deviceUid, reports: [readQuery(parameters, context, 0, frame.length)] };
}

function decodeJson({ body, bodyStart }: Message, context: DecodeContext): DecodeResult {
  const batch = readBatch(body);
  if (!batch) return { kind: "undecodable", reason: "layout", detail: "the body is not a location or a batch" };
  const reports = batch.locations.map((location, index) => {
    const { start, end } = batch.ranges[index]!;
    return readLocation(location, context, bodyStart + start, bodyStart + end);
  });
  const { deviceId } = batch;
  return deviceId === undefined ? { kind: "decoded", reports } : { kind: "decoded", reports, deviceUid: deviceId };
}

function deviceIdOf(parameters: URLSearchParams | undefined): string | undefined {
  return parameters?.get("id") || parameters?.get("deviceid") || undefined;
}
