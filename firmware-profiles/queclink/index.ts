import codes from "./layouts/codes.json" with { type: "json" };
import hexFile from "./layouts/hex.json" with { type: "json" };
import kindsFile from "./layouts/kinds.json" with { type: "json" };
import masksFile from "./layouts/masks.json" with { type: "json" };
import reportsFile from "./layouts/reports.json" with { type: "json" };

/**
 * What Queclink devices mean by the fields of their reports, as data: `layouts/*.json`, each with a JSON schema beside this
 * file. The decoder's one reader interprets it.
 */

/**
 * How the text of a field is read; a value that does not match the pattern says that the layout is not the right one, and
 * so does an empty field that is `required`.
 */
export type FieldKind = { pattern: RegExp; read: string; scale?: number; required?: boolean };

/** A field of a layout; `"-"` in the file is a reserved one, null here. */
export type LayoutField = { name: string; kind: FieldKind } | null;

/** head: before the first position · tail: after the last one · body: all of a report without a position. */
export type LayoutPart = "head" | "tail" | "body";

export type Layout = {
  part: LayoutPart;
  /** Device types that the layout is for; undefined: any, tried after the ones that name the type. */
  types: ReadonlySet<string> | undefined;
  fields: readonly LayoutField[];
  /** Structures that follow the fields and take the rest: CAN values, accessories, blocks of GTERI. */
  blocks: readonly string[];
};

export type HexHead = {
  kind: "position" | "status" | "heartbeat" | "commandReply";
  buffered: boolean;
  lengthAt: number;
  lengthBytes: number;
  maskAt: number;
  maskBytes: number;
  /** Bit of the mask that says that there is a length at all; absent where there always is. */
  lengthBit?: number;
};

type MaskField = { name: string; read: string };

const kinds = new Map<string, FieldKind>(
  Object.entries(kindsFile.kinds).map(([name, kind]) => [name, { ...kind, pattern: new RegExp(kind.pattern) }]),
);

const layouts: { readonly [part in LayoutPart]: Map<string, Layout[]> } = {
  head: new Map(),
  tail: new Map(),
  body: new Map(),
};
for (const entry of reportsFile.layouts) {
  const layout: Layout = {
    part: entry.part as LayoutPart,
    types: "types" in entry ? new Set(entry.types) : undefined,
    fields: entry.fields.map(fieldOf),
    blocks: "blocks" in entry ? (entry.blocks as string[]) : [],
  };
  for (const report of entry.reports) {
    const ofPart = layouts[layout.part];
    ofPart.set(report, [...(ofPart.get(report) ?? []), layout]);
  }
}

function fieldOf(field: string | { name: string; kind: string }): LayoutField {
  if (typeof field === "string") return null;
  const kind = kinds.get(field.kind);
  if (!kind) throw new Error(`layouts/reports.json: no kind is called ${field.kind}`);
  return { name: field.name, kind };
}

/** Layouts of a part of a report, sorted by known device type: sorting at each report took a third of the decoding time. */
const sorted = new Map<readonly Layout[], Map<string, readonly Layout[]>>();
const knownTypes = new Set(Object.keys(codes.deviceTypes));
const NO_LAYOUTS: readonly Layout[] = [];

/** The layouts of a part of a report: the ones for the device type first, then the ones for any. */
export function layoutsOf(part: LayoutPart, report: string, deviceType: string): readonly Layout[] {
  const all = layouts[part].get(report);
  if (!all) return NO_LAYOUTS;
  const byType = sorted.get(all) ?? new Map<string, readonly Layout[]>();
  sorted.set(all, byType);
  // Unknown types share one entry, so that invented ones can't fill the map.
  const key = knownTypes.has(deviceType) ? deviceType : "";
  const found = byType.get(key);
  if (found) return found;
  const order = [
    ...all.filter(({ types }) => types?.has(deviceType)),
    ...all.filter(({ types }) => types === undefined),
    ...all.filter(({ types }) => types !== undefined && !types.has(deviceType)),
  ];
  byType.set(key, order);
  return order;
}

export function kindOf(name: string): FieldKind {
  const kind = kinds.get(name);
  if (!kind) throw new Error(`layouts/kinds.json: no kind is called ${name}`);
  return kind;
}

const typeNames = new Map<string, string>(Object.entries(codes.deviceTypes));

/** The device type that a protocol version begins with: the longest known one, else its first two characters. */
export function deviceTypeOf(version: string): { type: string; model: string | undefined } {
  const upper = version.toUpperCase();
  for (const length of [6, 4, 2]) {
    const model = typeNames.get(upper.slice(0, length));
    if (model !== undefined) return { type: upper.slice(0, length), model };
  }
  return { type: upper.length > 8 ? upper.slice(0, 6) : upper.slice(0, 2), model: undefined };
}

export const queclinkCodes = {
  positionReports: new Set(codes.positionReports),
  /** Reports whose position is only good where the accuracy is not 0. */
  strictAccuracyReports: new Set(codes.strictAccuracyReports),
  vinTypes: new Set(codes.vinTypes),
  events: new Map<string, string>(Object.entries(codes.events)),
  typedEvents: new Map(
    Object.entries(codes.typedEvents).map(([report, words]) => [
      report,
      new Map<string, string>(Object.entries(words)),
    ]),
  ),
  ignition: new Map<string, boolean>(Object.entries(codes.ignition)),
  states: new Map<string, { ignition: boolean | null; motion: boolean; towing: boolean }>(Object.entries(codes.states)),
};

export const queclinkMasks = {
  can: { ...masksFile.can, bits: masksFile.can.bits as { bit: number; name: string; read: string }[] },
  accessory: masksFile.accessory.bits as { bit: number; fields: MaskField[] }[],
  append: masksFile.append.bits as { bit: number; name: string }[],
};

export const queclinkHex = {
  heads: new Map<string, HexHead>(Object.entries(hexFile.heads as { [head: string]: HexHead })),
  states: hexFile.states.map(({ mask, fields }) => ({
    mask: Number.parseInt(mask, 16),
    fields: fields as MaskField[],
  })),
  events: hexFile.events as { readonly [head: string]: { readonly [type: string]: string } | undefined },
  /** Number of the message that packs a track of one second's points into deltas. */
  compressed: hexFile.compressed,
};
