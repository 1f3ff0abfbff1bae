import type { Envelope, RejectReason, Transport } from "../decoder.ts";
import { reply, timeReply } from "./encode.ts";
import { openFrame } from "./frame.ts";
import { readLogin } from "./login.ts";
import * as numbers from "./protocol-numbers.ts";

const NOTHING = new Uint8Array(0);

/** `receivedAtMs` is needed for the answer to a time request only; without it there is none. */
export function readEnvelope(
  bytes: Uint8Array,
  _transport: Transport,
  receivedAtMs?: number,
): Envelope | { kind: "rejected"; reason: RejectReason } {
  const frame = openFrame(bytes);
  if (!frame) return { kind: "rejected", reason: "format" };
  const { protocol, long, serial } = frame;
  const ack = numbers.isAnswered(protocol, long) ? { ack: reply(protocol, serial) } : {};
  switch (protocol) {
    case numbers.LOGIN: {
      const login = readLogin(frame.content);
      if (!login) return { kind: "rejected", reason: "login" };
      // The zone of the login is needed to read the times after it.
      const keep = login.type !== undefined || login.zoneMinutes !== undefined;
      return { kind: "login", deviceUid: login.deviceUid, keep, accept: reply(protocol, serial), refuse: NOTHING };
    }
    case numbers.TIME_REQUEST:
      return {
        kind: "heartbeat",
        keep: false,
        ...(receivedAtMs === undefined ? {} : { ack: timeReply(serial, receivedAtMs) }),
      };
    case numbers.HEARTBEAT:
    case numbers.HEARTBEAT_OTHER:
      return { kind: "heartbeat", keep: true, ...ack };
    case numbers.COMMAND_REPLY_SHORT:
    case numbers.COMMAND_REPLY_LONG:
      return { kind: "commandReply", keep: true, ...ack };
    default:
      return { kind: "data", keep: true, recordCount: 1, ...ack };
  }
}
