import type { Envelope, ProtocolDecoder, RejectReason } from "../decoder.ts";
import { decode } from "./decode.ts";
import { commandImei } from "./decode-command.ts";
import { encodeAck, encodeDatagramAck, encodeLoginAnswer } from "./encode.ts";
import { nextFrame, partsOf, readDatagram } from "./frame.ts";
import { parseDatagramHead } from "./grammar.ts";
import { CODEC, carriesRecords, FRAME_BYTES_MAX } from "./layout.ts";

/** Teltonika trackers: codecs 7, 8, 8 Extended, 12, 13, 14, 15 and 16 over TCP and UDP. */
export const teltonika: ProtocolDecoder = {
  protocol: "teltonika",
  frameBytesMax: FRAME_BYTES_MAX,
  openStream: () => ({ next: nextFrame }),
  readDatagram,
  envelope,
  decode,
};

/**
 * A frame describes its own transport: a packet has no IMEI and is answered with four bytes, a datagram names its device
 * and is answered with seven. Commands and serial data have no answer.
 */
function envelope(frame: Uint8Array): Envelope | { kind: "rejected"; reason: RejectReason } {
  const parts = partsOf(frame);
  if (!parts) return { kind: "rejected", reason: "format" };
  if (parts.kind === "keepAlive") return { kind: "heartbeat", keep: false };
  if (parts.kind === "login") {
    const [accept, refuse] = [encodeLoginAnswer(true), encodeLoginAnswer(false)];
    return { kind: "login", deviceUid: parts.imei, keep: false, accept, refuse };
  }
  const { codec, dataStart, dataEnd, imei } = parts;
  const named = imei ?? commandImei(frame, dataStart, dataEnd);
  const deviceUid = named === undefined ? {} : { deviceUid: named };
  if (!carriesRecords(codec)) {
    const serial = codec === CODEC.thirteen || codec === CODEC.fifteen;
    return serial
      ? { kind: "data", ...deviceUid, keep: true, recordCount: 1 }
      : { kind: "commandReply", ...deviceUid, keep: true };
  }
  const recordCount = frame[dataStart + 1]!;
  return { kind: "data", ...deviceUid, keep: true, recordCount, ack: ackOf(frame, imei !== null, recordCount) };
}

function ackOf(frame: Uint8Array, datagram: boolean, recordCount: number): Uint8Array {
  const head = datagram ? parseDatagramHead(frame) : undefined;
  return head ? encodeDatagramAck(head.packetId, head.avlPacketId, recordCount) : encodeAck(recordCount);
}
