import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { namesOf } from "../load.ts";
import { GENERIC_FAMILY, type ProfileElement, type ProfileFile } from "../profile.ts";
import { FAMILIES, type Family } from "./families.ts";
import { GROUP_PREFIXES, NAMINGS, type Naming, WORDS } from "./names.ts";
import { unitOf } from "./units.ts";

/**
 * `node firmware-profiles/teltonika/build-profiles.ts INPUT.csv` writes the profiles beside itself. The table has the
 * columns avl_id, name, bytes, signed, min, max, multiplier, multiplier_basis, unit, values, group, families, one row for
 * each meaning of an id.
 */
type Row = { [column: string]: string };

const SOURCE =
  'Vendor pages "Teltonika Data Sending Parameters ID" of 68 models, state of July 2024; named and scaled by build-profiles.ts';

/** The text of each profile file by its name, from the table's text. */
export function buildProfiles(csv: string): Map<string, string> {
  const rows = parseCsv(csv);
  const families = FAMILIES.map((family) => ({ family, elements: elementsOf(family, rows) }));
  const files = families.map(({ family, elements }): [string, string] => [
    `${family.name}.json`,
    profileText(family.name, family.title, family.models, elements),
  ]);
  const agreed = agreedElements(families.map(({ elements }) => elements));
  const generic = profileText(GENERIC_FAMILY, "What no family contradicts", [], agreed);
  return new Map([...files, [`${GENERIC_FAMILY}.json`, generic]]);
}

/** One element a line, so that a change shows as the elements it changes. */
function profileText(family: string, title: string, models: readonly string[], elements: ProfileElement[]): string {
  const file: ProfileFile = { protocol: "teltonika", family, title, models: [...models], source: SOURCE, elements: [] };
  const head = JSON.stringify(file).slice(0, -2);
  const lines = elements.map((element) => JSON.stringify(element)).join(",\n");
  return `${head}\n${lines}\n]}\n`;
}

function elementsOf(family: Family, rows: readonly Row[]): ProfileElement[] {
  const byId = new Map<number, Row>();
  for (const marker of family.markers) {
    for (const row of rows) {
      const id = Number(row.avl_id);
      if (!byId.has(id) && marker.test(row.families!) && !family.without?.test(row.group!)) byId.set(id, row);
    }
  }
  const elements = [...byId.values()]
    .map(elementOf)
    .map((element): ProfileElement => (element.id === family.speedId ? { ...element, sets: "speedMps" } : element))
    .sort((a, b) => a.id - b.id);
  return uniqueNames(elements);
}

/** A name that is taken gets the id behind it, so that it stays the same when elements are added. */
function uniqueNames(elements: readonly ProfileElement[]): ProfileElement[] {
  const taken = new Set<string>();
  return elements.map((element) => {
    const clash = namesOf(element).some((name) => taken.has(name));
    const kept = clash ? { ...element, name: `${element.name}.${element.id}` } : element;
    for (const name of namesOf(kept)) taken.add(name);
    return kept;
  });
}

/**
 * Elements that no other family reads differently. Families that differ in width only agree, because the wire tells the
 * width, and so do lists of words of which one is longer.
 */
function agreedElements(families: readonly (readonly ProfileElement[])[]): ProfileElement[] {
  const byId = new Map<number, ProfileElement[]>();
  for (const element of families.flat()) byId.set(element.id, [...(byId.get(element.id) ?? []), element]);
  const agreed = [...byId.values()].flatMap((meanings): ProfileElement[] => {
    const [first] = meanings;
    if (!first || meanings.some((meaning) => meaningOf(meaning) !== meaningOf(first))) return [];
    const values = mergedWords(meanings);
    if (values === "conflict") return [];
    const { bytes, values: _values, sets: _sets, ...rest } = first;
    const sameWidth = meanings.every((meaning) => meaning.bytes === bytes);
    if (!sameWidth && meanings.some((meaning) => meaning.bytes === "variable")) return [];
    return [{ ...rest, ...(sameWidth && bytes ? { bytes } : {}), ...(values ? { values } : {}) }];
  });
  return agreed.sort((a, b) => a.id - b.id);
}

function meaningOf({ name, kind, signed, scale, offset, unit, faults, bits, layout }: ProfileElement): string {
  return JSON.stringify([name, kind, signed, scale, offset, unit, faults, bits, layout]);
}

function mergedWords(meanings: readonly ProfileElement[]): { [raw: string]: string } | undefined | "conflict" {
  const merged: { [raw: string]: string } = {};
  for (const [raw, word] of meanings.flatMap((meaning) => Object.entries(meaning.values ?? {}))) {
    merged[raw] ??= word;
    if (merged[raw] !== word) return "conflict";
  }
  return Object.keys(merged).length > 0 ? merged : undefined;
}

function elementOf(row: Row): ProfileElement {
  const naming = NAMINGS.find(
    ({ vendor, group, vendorUnit }) =>
      new RegExp(vendor, "i").test(row.name!) &&
      (!group || group.test(row.group!)) &&
      (vendorUnit === undefined || vendorUnit === unitOf(row.unit!).unit),
  );
  const {
    vendor: _vendor,
    group: _group,
    vendorUnit: _unit,
    name: _name,
    ...given
  } = naming ?? ({} as Partial<Naming>);
  const values = wordsOf(row);
  const bytes = widthOf(row);
  const kind = given.kind ?? kindOf(row, bytes, values);
  const { unit, factor } = unitOf(row.unit!);
  const scale = given.scale ?? Number.parseFloat(row.multiplier || "1") * factor;
  const numeric = kind === "number";
  const element: ProfileElement = {
    id: Number(row.avl_id),
    name: naming ? ruleName(naming, row) : groupName(row),
    kind,
    bytes,
    about: row.name!.trim(),
  };
  if (numeric && row.signed === "yes") element.signed = true;
  if (numeric && scale !== 1) element.scale = Number(scale.toPrecision(12));
  if (numeric && unit) element.unit = unit;
  if (kind === "enum" && values) element.values = values;
  const faults = numeric && faultsOf(row, values);
  if (faults) element.faults = faults;
  return { ...element, ...given };
}

function ruleName(naming: Naming, row: Row): string {
  const name = row.name!.replace(new RegExp(naming.vendor, "i"), naming.name);
  if (naming.name === "eye.sensors" && row.avl_id !== "11317") return `${name}.${row.avl_id}`;
  return name.split(".").map(slug).join(".");
}

function groupName(row: Row): string {
  const prefix = GROUP_PREFIXES.find(([group]) => group.test(row.group!))![1];
  const words = slug(row.name!);
  const repeated = `${prefix.split(".").at(-1)}-`;
  return `${prefix}.${words.startsWith(repeated) && words !== repeated ? words.slice(repeated.length) : words}`;
}

function slug(text: string): string {
  const words = text.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return words.replace(/^-|-$/g, "");
}

function widthOf(row: Row): 1 | 2 | 4 | 8 | "variable" {
  return row.bytes!.startsWith("var") ? "variable" : (Number(row.bytes) as 1 | 2 | 4 | 8);
}

function kindOf(row: Row, bytes: ProfileElement["bytes"], values: ReturnType<typeof wordsOf>): ProfileElement["kind"] {
  if (bytes === "variable") return "hex";
  if (bytes === 8) return row.unit ? "number" : "hex";
  if (values && !faultsOf(row, values)) return "enum";
  return bytes === 1 && row.max === "1" && row.min === "0" && !row.unit && !row.values ? "flag" : "number";
}

/** `0=GPS sleep; 1=Deep sleep` as words by raw value; undefined where the text is not such a list. */
function wordsOf(row: Row): { [raw: string]: string } | undefined {
  if (!row.values) return undefined;
  const words: { [raw: string]: string } = {};
  for (const part of row.values.split(/;\s*/)) {
    const match = /^(\d+)=([^=]{1,60})$/.exec(part.trim());
    if (!match || /\d+\s*[–-]\s|0x|=>/.test(match[2]!) || match[1]!.startsWith("00")) return undefined;
    if (!/^reserved$/i.test(match[2]!.trim())) words[match[1]!] = wordOf(match[2]!);
  }
  const distinct = new Set(Object.values(words));
  const useful = distinct.size >= 2 && distinct.size === Object.keys(words).length && !distinct.has("");
  return useful ? words : undefined;
}

function wordOf(text: string): string {
  const word = slug(text);
  return WORDS[word] ?? word;
}

/** Words that stand for raw values outside the element's documented range: no reading, but a fault of the sensor. */
function faultsOf(row: Row, words: ReturnType<typeof wordsOf>): { [raw: string]: string } | undefined {
  if (!words || !row.max || Number(row.max) <= 0) return undefined;
  const beyond = Object.entries(words).filter(([raw]) => Number(raw) > Number(row.max));
  return beyond.length === Object.keys(words).length ? Object.fromEntries(beyond) : undefined;
}

/** RFC 4180: quoted fields may hold commas and doubled quotes. */
function parseCsv(text: string): Row[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  const cells = lines.map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) =>
      match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'),
    ),
  );
  const columns = cells[0]!;
  return cells.slice(1).map((row) => Object.fromEntries(columns.map((column, index) => [column, row[index] ?? ""])));
}

if (import.meta.main) {
  for (const [name, text] of buildProfiles(readFileSync(process.argv[2] ?? "", "utf8"))) {
    writeFileSync(join(import.meta.dirname, name), text);
  }
}
