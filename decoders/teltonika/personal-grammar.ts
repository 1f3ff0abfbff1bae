import { Parser } from "binary-parser/dist/binary_parser.js";
import { parse } from "./grammar.ts";

/**
 * Grammar of codec 7, spoken by the GH3000 personal tracker. The vendor's document is not public; the layout is what
 * public decoders and captures agree on. A record is a u32 (2 bits priority, 30 bits seconds since 2007), then a mask:
 *
 * | bit | part |
 * |---|---|
 * | 0 | location: a mask of its own, then position (two floats, latitude first), altitude 2, heading 1 (256ths of a turn), speed 1 (km/h), satellites 1, cell 2 + 2, signal 1, operator 4 |
 * | 1 to 4 | elements with values of 1, 2, 4, 8 bytes: count 1, then (id 1, value) each |
 */
export type PersonalData = { codec: number; count: number; records: PersonalWireRecord[]; countAgain: number };

export type PersonalWireRecord = {
  /** Offsets inside the data field. */
  start: number;
  end: number;
  head: number;
  mask: number;
  locationMask?: number;
  latitudeDeg?: number;
  longitudeDeg?: number;
  altitudeM?: number;
  heading?: number;
  speedKmh?: number;
  satellites?: number;
  lac?: number;
  cell?: number;
  signal?: number;
  operator?: number;
  elements1?: PersonalWireElement[];
  elements2?: PersonalWireElement[];
  elements4?: PersonalWireElement[];
  elements8?: PersonalWireElement[];
};

export type PersonalWireElement = { id: number; value: Uint8Array };

type Masked = { mask: number; locationMask: number };

const nothing = big();

const location = big()
  .uint8("locationMask")
  .choice(atLocationBit(0, big().floatbe("latitudeDeg").floatbe("longitudeDeg")))
  .choice(atLocationBit(1, big().int16("altitudeM")))
  .choice(atLocationBit(2, big().uint8("heading")))
  .choice(atLocationBit(3, big().uint8("speedKmh")))
  .choice(atLocationBit(4, big().uint8("satellites")))
  .choice(atLocationBit(5, big().uint16("lac").uint16("cell")))
  .choice(atLocationBit(6, big().uint8("signal")))
  .choice(atLocationBit(7, big().uint32("operator")));

const record = big()
  .saveOffset("start")
  .uint32("head")
  .uint8("mask")
  .choice(atBit(0, location))
  .choice(atBit(1, elements(1)))
  .choice(atBit(2, elements(2)))
  .choice(atBit(3, elements(4)))
  .choice(atBit(4, elements(8)))
  .saveOffset("end");

const personalData = big()
  .uint8("codec")
  .uint8("count")
  .array("records", { type: record, length: "count" })
  .uint8("countAgain")
  .saveOffset("end");

/** The data field of a codec 7 packet; undefined where its records do not fill it exactly. */
export function parsePersonalData(data: Uint8Array): PersonalData | undefined {
  const parsed = parse<PersonalData & { end: number }>(personalData, data);
  return parsed && parsed.end === data.length ? parsed : undefined;
}

function elements(valueBytes: 1 | 2 | 4 | 8): Parser {
  const element = big().uint8("id").buffer("value", { length: valueBytes });
  return big()
    .uint8(`count${valueBytes}`)
    .array(`elements${valueBytes}`, { type: element, length: `count${valueBytes}` });
}

/** The parser calls a tag with the record being read as `this`. */
function atBit(bit: number, present: Parser) {
  return choiceOf(function (this: Masked) {
    return (this.mask >> bit) & 1;
  }, present);
}

function atLocationBit(bit: number, present: Parser) {
  return choiceOf(function (this: Masked) {
    return (this.locationMask >> bit) & 1;
  }, present);
}

function choiceOf(tag: (this: Masked) => number, present: Parser) {
  return { tag: tag as () => number, choices: { 0: nothing, 1: present } };
}

function big(): Parser {
  return new Parser().endianness("big");
}
