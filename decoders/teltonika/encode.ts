import { ByteWriter } from "./byte-writer.ts";
import { crc16 } from "./crc16.ts";
import { type DeviceData, encodeData } from "./device-data.ts";
import { CODEC, COMMAND_TYPE, KEEP_ALIVE } from "./layout.ts";

export * from "./device-data.ts";

/**
 * Bytes of the Teltonika protocols: answers and commands of the gateway, and the framing of what devices send.
 */

export type DatagramHead = { packetId: number; unused: number; avlPacketId: number; imei: string };

/** The answer to a login: 1 accepts, 0 refuses. */
export function encodeLoginAnswer(accepted: boolean): Uint8Array {
  return Uint8Array.of(accepted ? 1 : 0);
}

/** Every answer that a record count of one byte can ask for; a `Buffer` spares the socket a conversion. */
const ACKS: readonly Uint8Array[] = Array.from({ length: 256 }, (_, count) => Buffer.from([0, 0, 0, count]));

/**
 * The answer to a TCP packet of records: how many were received, 0..255. Any other number makes the device send all
 * again. The bytes are shared and must not be changed.
 */
export function encodeAck(recordCount: number): Uint8Array {
  const ack = ACKS[recordCount];
  if (!ack) throw new RangeError(`${recordCount} is no record count`);
  return ack;
}

/** The answer to a datagram of records, echoing both packet ids of its head. */
export function encodeDatagramAck(packetId: number, avlPacketId: number, recordCount: number): Uint8Array {
  return new ByteWriter().uint(5, 2).uint(packetId, 2).uint(1, 1).uint(avlPacketId, 1).uint(recordCount, 1).finish();
}

/** A command for the device, Codec 12: text as in an SMS without login and password. */
export function encodeCommand(text: string): Uint8Array {
  return encodePacket({ kind: "command", codec: CODEC.twelve, type: COMMAND_TYPE.command, body: ascii(text) });
}

/** A command that only the device with this IMEI executes, Codec 14. */
export function encodeAddressedCommand(imei: string, text: string): Uint8Array {
  return encodePacket({ kind: "command", codec: CODEC.fourteen, type: COMMAND_TYPE.command, imei, body: ascii(text) });
}

/** The first bytes of a connection. */
export function encodeLogin(imei: string): Uint8Array {
  return new ByteWriter().uint(imei.length, 2).bytes(ascii(imei)).finish();
}

export function encodeKeepAlive(): Uint8Array {
  return Uint8Array.of(KEEP_ALIVE);
}

/** A packet as it stands on a TCP stream: preamble, length, data, checksum. */
export function encodePacket(data: DeviceData): Uint8Array {
  const field = encodeData(data);
  return new ByteWriter()
    .uint(0, 4)
    .uint(field.length, 4)
    .bytes(field)
    .uint(crc16(field, 0, field.length), 4)
    .finish();
}

/** A packet as one UDP datagram. */
export function encodeDatagram(head: DatagramHead, data: DeviceData): Uint8Array {
  const rest = new ByteWriter()
    .uint(head.packetId, 2)
    .uint(head.unused, 1)
    .uint(head.avlPacketId, 1)
    .uint(head.imei.length, 2)
    .bytes(ascii(head.imei))
    .bytes(encodeData(data))
    .finish();
  return new ByteWriter().uint(rest.length, 2).bytes(rest).finish();
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}
