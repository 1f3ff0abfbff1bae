/** Names and limits of the Teltonika wire formats ("Codec" and "Teltonika Data Sending Protocols", vendor wiki). */

export const CODEC = {
  gh3000: 0x07,
  eight: 0x08,
  twelve: 0x0c,
  thirteen: 0x0d,
  fourteen: 0x0e,
  fifteen: 0x0f,
  sixteen: 0x10,
  extended: 0x8e,
} as const;

/** Codecs whose packets carry position records and are answered with a count. */
export function carriesRecords(codec: number): boolean {
  return codec === CODEC.eight || codec === CODEC.extended || codec === CODEC.sixteen || codec === CODEC.gh3000;
}

/** Codecs whose packets carry a command, its answer or serial data, and are not answered. */
export function carriesCommand(codec: number): boolean {
  return codec === CODEC.twelve || codec === CODEC.thirteen || codec === CODEC.fourteen || codec === CODEC.fifteen;
}

/** Type byte of codecs 12 to 15. */
export const COMMAND_TYPE = { command: 0x05, response: 0x06, serial: 0x0b, photo: 0x0d, refused: 0x11 } as const;

/** Single byte that a device sends to keep its network path open. It is not answered. */
export const KEEP_ALIVE = 0xff;

/** Preamble and data length in front, checksum behind. */
export const PACKET_HEAD_BYTES = 8;
export const PACKET_TAIL_BYTES = 4;

/** Codec id and the two counts: less cannot be a packet. */
export const DATA_BYTES_MIN = 3;

/** The vendor's limit is 1,280 bytes, photo chunks reach 2 KiB; anything above this is not a packet. */
export const FRAME_BYTES_MAX = 65_536;

/** An IMEI has 15 digits; some gateways and laboratory firmware name themselves with 14 to 17. */
export const IMEI_DIGITS_MIN = 14;
export const IMEI_DIGITS_MAX = 17;

/** Length, channel packet id, unused byte, AVL packet id and IMEI length of a datagram. */
export const DATAGRAM_HEAD_BYTES = 8;

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** The IMEI digits at `at`, or undefined where a byte is not a digit. */
export function readImei(bytes: Uint8Array, at: number, digits: number): string | undefined {
  let imei = "";
  for (let index = at; index < at + digits; index++) {
    const byte = bytes[index]!;
    if (byte < 0x30 || byte > 0x39) return undefined;
    imei += String.fromCharCode(byte);
  }
  return imei;
}
