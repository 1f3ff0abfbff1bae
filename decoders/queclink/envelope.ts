import type { Envelope, RejectReason } from "../decoder.ts";
import { parseAscii } from "./ascii-text.ts";
import { openCompact } from "./decode-compact.ts";
import { heartbeatAnswer, sack } from "./encode.ts";
import { encodingOf } from "./frame.ts";
import { openHex } from "./hex-head.ts";

type Read = Envelope | { kind: "rejected"; reason: RejectReason };

/** The answer needs the count only, so every message is acknowledged, whatever its report is called. */
export function readEnvelope(frame: Uint8Array): Read {
  const encoding = frame.length < 5 ? undefined : encodingOf(frame);
  switch (encoding?.kind) {
    case undefined:
      return { kind: "rejected", reason: "format" };
    case "ascii":
      return asciiEnvelope(frame);
    case "hex":
      return hexEnvelope(frame);
    case "compact":
      return compactEnvelope(frame);
  }
}

function asciiEnvelope(frame: Uint8Array): Read {
  const message = parseAscii(frame);
  if (!message) return { kind: "rejected", reason: "format" };
  const { deviceUid, count, version, head, report } = message;
  if (report === "GTHBD") {
    return { kind: "heartbeat", keep: false, deviceUid, ...(count ? { ack: heartbeatAnswer(version, count) } : {}) };
  }
  const ack = count ? { ack: sack(count) } : {};
  if (head === "ACK" || head === "NACK") return { kind: "commandReply", keep: true, deviceUid, ...ack };
  return { kind: "data", keep: true, deviceUid, recordCount: 1, ...ack };
}

function hexEnvelope(frame: Uint8Array): Read {
  const message = openHex(frame);
  if (!message) return { kind: "rejected", reason: "format" };
  const count = message.count.toString(16).toUpperCase().padStart(4, "0");
  const named = message.deviceUid === undefined ? {} : { deviceUid: message.deviceUid };
  const ack = sack(count);
  switch (message.head.kind) {
    case "heartbeat":
      return { kind: "heartbeat", keep: false, ...named, ack };
    case "commandReply":
      return { kind: "commandReply", keep: true, ...named, ack };
    case "position":
    case "status":
      return { kind: "data", keep: true, recordCount: 1, ...named, ack };
  }
}

/** How these devices want to be answered is not known: they are not. */
function compactEnvelope(frame: Uint8Array): Read {
  const message = openCompact(frame);
  if (!message) return { kind: "rejected", reason: "format" };
  return { kind: "data", keep: true, recordCount: 1, deviceUid: message.deviceUid };
}
