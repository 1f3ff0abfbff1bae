import { Parser } from "binary-parser/dist/binary_parser.js";
import { parse } from "./grammar.ts";
import { CODEC } from "./layout.ts";

/**
 * Grammar of codecs 8, 8 Extended and 16: the same packets that `records.ts` walks by hand, said declaratively. It is the
 * other opinion in the tests and the limit of comparison in the bench; the gateway runs the walker.
 */
export type GrammarRecord = {
  start: number;
  timeHigh: number;
  timeLow: number;
  priority: number;
  longitudeE7: number;
  latitudeE7: number;
  altitudeM: number;
  headingDeg: number;
  satellites: number;
  speedKmh: number;
  eventId: number;
  generation?: number;
  total: number;
  elements1: GrammarElement[];
  elements2: GrammarElement[];
  elements4: GrammarElement[];
  elements8: GrammarElement[];
  elements16?: GrammarElement[];
  elementsVariable?: GrammarElement[];
};

export type GrammarElement = { id: number; value: Uint8Array; length?: number };

type Packet = { codec: number; count: number; records: GrammarRecord[]; countAgain: number; end: number };

const PACKETS: { readonly [codec: number]: readonly Parser[] } = {
  [CODEC.eight]: [packet(record8(false)), packet(record8(true))],
  [CODEC.extended]: [packet(record8e())],
  [CODEC.sixteen]: [packet(record16())],
};

/** The records of a data field (codec id to second count); undefined where they do not fill it exactly. */
export function parseRecords(data: Uint8Array): GrammarRecord[] | undefined {
  for (const parser of PACKETS[data[0]!] ?? []) {
    const parsed = parse<Packet>(parser, data);
    if (parsed?.end === data.length && parsed.records.every(isWhole)) return parsed.records;
  }
  return undefined;
}

/** All groups of a record in the order of the wire. */
export function elementsOf(record: GrammarRecord): GrammarElement[] {
  const { elements1, elements2, elements4, elements8, elements16 = [], elementsVariable = [] } = record;
  return [elements1, elements2, elements4, elements8, elements16, elementsVariable].flat();
}

function isWhole(record: GrammarRecord): boolean {
  const elements = elementsOf(record);
  const complete = elements.every(({ length, value }) => length === undefined || length === value.length);
  return complete && elements.length === record.total;
}

function packet(record: Parser): Parser {
  return big()
    .uint8("codec")
    .uint8("count")
    .array("records", { type: record, length: "count" })
    .uint8("countAgain")
    .saveOffset("end");
}

function record8(sixteen: boolean): Parser {
  const record = header().uint8("eventId").uint8("total");
  for (const size of sixteen ? [1, 2, 4, 8, 16] : [1, 2, 4, 8]) {
    const element = big().uint8("id").buffer("value", { length: size });
    record.uint8(`count${size}`).array(`elements${size}`, { type: element, length: `count${size}` });
  }
  return record;
}

function record8e(): Parser {
  const record = header().uint16("eventId").uint16("total");
  for (const size of [1, 2, 4, 8]) {
    record.uint16(`count${size}`).array(`elements${size}`, { type: wideElement(size), length: `count${size}` });
  }
  const variable = big().uint16("id").uint16("length").buffer("value", { length: "length" });
  return record.uint16("countVariable").array("elementsVariable", { type: variable, length: "countVariable" });
}

function record16(): Parser {
  const record = header().uint16("eventId").uint8("generation").uint8("total");
  for (const size of [1, 2, 4, 8]) {
    record.uint8(`count${size}`).array(`elements${size}`, { type: wideElement(size), length: `count${size}` });
  }
  return record;
}

function wideElement(size: number): Parser {
  return big().uint16("id").buffer("value", { length: size });
}

function header(): Parser {
  return big()
    .saveOffset("start")
    .uint32("timeHigh")
    .uint32("timeLow")
    .uint8("priority")
    .int32("longitudeE7")
    .int32("latitudeE7")
    .int16("altitudeM")
    .uint16("headingDeg")
    .uint8("satellites")
    .uint16("speedKmh");
}

function big(): Parser {
  return new Parser().endianness("big");
}
