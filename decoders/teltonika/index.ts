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
  if (!carriesRecords(codec)) return commandEnvelope(codec, imei ?? commandImei(frame, dataStart, dataEnd));
  const recordCount = frame[dataStart + 1]!;
  if (imei === null) return { kind: "data", keep: true, recordCount, ack: encodeAck(recordCount) };
  const head = parseDatagramHead(frame);
  if (!head) return { kind: "rejected", reason: "format" };
  const ack = encodeDatagramAck(head.packetId, head.avlPacketId, recordCount);
  return { kind: "data", deviceUid: imei, keep: true, recordCount, ack };
}

/** Codecs 13 and 15 pass serial data on; 12 and 14 answer commands. */
function commandEnvelope(codec: number, imei: string | undefined): Envelope {
  const deviceUid = imei === undefined ? {} : { deviceUid: imei };
  const serial = codec === CODEC.thirteen || codec === CODEC.fifteen;
  return serial
    ? { kind: "data", ...deviceUid, keep: true, recordCount: 1 }
    : { kind: "commandReply", ...deviceUid, keep: true };
}
