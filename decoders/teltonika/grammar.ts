import { Parser } from "binary-parser/dist/binary_parser.js";

/**
 * Declarative grammars of everything but the hot path: the head of datagrams, commands, serial data and codec 7. They
 * read untrusted bytes: a length that does not fit makes the parser run over the end, which `parse…` answers with
 * undefined, and buffers are compared with the length they claim.
 */

export type DatagramHead = { length: number; packetId: number; unused: number; avlPacketId: number; imei: string };

const datagramHead = new Parser()
  .endianness("big")
  .uint16("length")
  .uint16("packetId")
  .uint8("unused")
  .uint8("avlPacketId")
  .uint16("imeiLength")
  .string("imei", { length: "imeiLength", encoding: "ascii" });

/** The head of a datagram whose length and IMEI the framing has checked. */
export function parseDatagramHead(frame: Uint8Array): DatagramHead | undefined {
  return parse<DatagramHead>(datagramHead, frame);
}

/**
 * The data field of codecs 12 to 15. `size` counts everything from behind itself to the second quantity.
 *
 * | codec | behind `size` |
 * |---|---|
 * | 12 | body |
 * | 13 | u32 Unix seconds, body |
 * | 14 | 8 bytes IMEI as decimal digits with a leading zero, body |
 * | 15 | u32 Unix seconds, 8 bytes IMEI, body |
 */
export type CommandData = {
  codec: number;
  quantity: number;
  type: number;
  size: number;
  timeS?: number;
  imei?: string;
  body: Uint8Array;
  quantityAgain: number;
};

const TIME_BYTES = 4;
const IMEI_BYTES = 8;

const commandData = commandHead()
  .choice({
    tag: "codec",
    choices: {
      12: bodyBehind(new Parser().endianness("big"), 0),
      13: bodyBehind(new Parser().endianness("big").uint32("timeS"), TIME_BYTES),
      14: bodyBehind(withImei(new Parser().endianness("big")), IMEI_BYTES),
      15: bodyBehind(withImei(new Parser().endianness("big").uint32("timeS")), TIME_BYTES + IMEI_BYTES),
    },
  })
  .uint8("quantityAgain");

function commandHead(): Parser {
  return new Parser().endianness("big").uint8("codec").uint8("quantity").uint8("type").uint32("size");
}

function withImei(parser: Parser): Parser {
  return parser.string("imei", { length: IMEI_BYTES, encoding: "hex" });
}

function bodyBehind(parser: Parser, headBytes: number): Parser {
  return parser.buffer("body", { length: (vars: { size: number }) => vars.size - headBytes });
}

/** The data field of a command packet; undefined where its inner size is not what the field holds. */
export function parseCommandData(data: Uint8Array): CommandData | undefined {
  const command = parse<CommandData>(commandData, data);
  if (command?.quantity !== 1) return undefined;
  const headBytes = (command.timeS === undefined ? 0 : TIME_BYTES) + (command.imei === undefined ? 0 : IMEI_BYTES);
  const fits = command.size === command.body.length + headBytes && data.length === 1 + 1 + 1 + 4 + command.size + 1;
  return fits ? command : undefined;
}

/** Runs a grammar over a view of untrusted bytes; undefined where it wants more than there is. */
export function parse<T>(parser: Parser, bytes: Uint8Array): T | undefined {
  try {
    return parser.parse(bytes as Buffer) as T;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
