import { STOP_KINDS, type StopKind } from "#store/plan-rows.ts";
import type { CsvRecord } from "./import-csv.ts";

/** What a line of an import says of a stop: columns by name, each with its own reading. */

export type ImportError = {
  line: number;
  column: string | null;
  columnNumber: number | null;
  code: string;
  detail: string;
};

/** As the file says it; undefined: no such column; null: the cell is empty. */
export type ReadRow = {
  line: number;
  values: { readonly [Name in ColumnName]?: ReturnType<(typeof COLUMNS)[Name]> | null };
};

class Unreadable extends Error {}

const NAME_CHARACTERS_MAX = 200;
const TEXT_CHARACTERS_MAX = 2_000;
const SERVICE_S_MAX = 86_400;
const POSITION_MAX = 1_000_000;

const text = (max: number) => (cell: string) => {
  if (cell.length > max) throw new Unreadable(`at most ${max} characters`);
  if (cell.includes("\0") || !cell.isWellFormed()) throw new Unreadable("holds U+0000 or half a surrogate pair");
  return cell;
};

/** `41.15`, or `41,15` where the comma does not divide columns. */
const number =
  (min: number, max: number, unit: string, whole = false) =>
  (cell: string) => {
    const plain = cell.replace(",", ".");
    const value = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : Number.NaN;
    if (!(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
      throw new Unreadable(`${whole ? "a whole number" : "a number"} from ${min} to ${max} (${unit})`);
    }
    return value;
  };

const time = (cell: string) => {
  const isWritten = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/i.test(cell);
  const timeMs = isWritten ? Date.parse(cell.replace(" ", "T")) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new Unreadable("a time with its zone, as in 2026-11-23T09:00:00Z or …+01:00");
  return timeMs;
};

const kind = (cell: string): StopKind => {
  const found = STOP_KINDS.find((known) => known === cell.toLowerCase());
  if (found === undefined) throw new Unreadable(`one of ${STOP_KINDS.join(", ")}`);
  return found;
};

const email = (cell: string) => {
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(cell) || cell.length > 254) throw new Unreadable("an e-mail address");
  return cell;
};

const zone = (cell: string) => {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: cell }) && cell;
  } catch (error) {
    if (error instanceof RangeError) throw new Unreadable("a time zone of the IANA, as in Europe/Lisbon");
    throw error;
  }
};

const name = text(NAME_CHARACTERS_MAX);

/** How the cells of each column are read. */
const COLUMNS = {
  externalId: name,
  route: name,
  vehicle: name,
  driver: name,
  brand: name,
  position: number(0, POSITION_MAX, "place along the route", true),
  kind,
  lat: number(-90, 90, "degrees"),
  lon: number(-180, 180, "degrees"),
  radiusM: number(10, 5_000, "metres"),
  address: text(TEXT_CHARACTERS_MAX),
  name,
  phone: text(40),
  email,
  locale: text(35),
  notes: text(TEXT_CHARACTERS_MAX),
  windowStart: time,
  windowEnd: time,
  serviceSeconds: number(0, SERVICE_S_MAX, "seconds", true),
  demand: number(0, 1e9, "in the units of the route's capacity"),
  promisedBy: time,
  timeZone: zone,
} as const;

export type ColumnName = keyof typeof COLUMNS;
export const COLUMN_NAMES = Object.keys(COLUMNS) as ColumnName[];

export type Header = {
  /** Where each column stands, from 0. */
  places: ReadonlyMap<ColumnName, number>;
  /** As they are written in the file. */
  written: readonly string[];
  ignored: readonly string[];
};

/** `windowStart`, `window_start` and `Window start` are one. */
const plain = (written: string) => written.toLowerCase().replace(/[^a-z0-9]/g, "");
const BY_PLAIN = new Map<string, ColumnName>([
  ...COLUMN_NAMES.map((column): [string, ColumnName] => [plain(column), column]),
  ...([
    ["latitude", "lat"],
    ["longitude", "lon"],
    ["lng", "lon"],
  ] as const),
]);

/** Which column stands where; what is wrong with the header otherwise. */
export function readHeader(record: CsvRecord): Header | { detail: string } {
  const places = new Map<ColumnName, number>();
  const ignored: string[] = [];
  for (const [index, cell] of record.fields.entries()) {
    const column = BY_PLAIN.get(plain(cell));
    if (column === undefined) ignored.push(cell.trim());
    else if (places.has(column)) return { detail: `the column ${column} is there twice` };
    else places.set(column, index);
  }
  if (!places.has("externalId")) return { detail: "the first line names the columns; externalId is missing" };
  return { places, written: record.fields.map((cell) => cell.trim()), ignored };
}

/** The values of a line, or all that is wrong with it. */
export function readRow({ places, written }: Header, { line, fields }: CsvRecord): ReadRow | { errors: ImportError[] } {
  const errors: ImportError[] = [];
  const values: Record<string, unknown> = {};
  if (fields.length > written.length) {
    errors.push({
      ...{ line, column: null, columnNumber: written.length + 1, code: "too_many_cells" },
      detail: `${fields.length} cells under ${written.length} columns`,
    });
  }
  for (const [column, index] of places) {
    const cell = fields[index]?.trim() ?? "";
    try {
      values[column] = cell === "" ? null : COLUMNS[column](cell);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      errors.push(errorAt(places, line, column, "unreadable", error.message));
    }
  }
  const row: ReadRow = { line, values };
  if (errors.length === 0) errors.push(...contradictions(places, row));
  return errors.length > 0 ? { errors } : row;
}

export function errorAt(
  places: Header["places"],
  line: number,
  column: ColumnName,
  code: string,
  detail: string,
): ImportError {
  const index = places.get(column);
  return { line, column, columnNumber: index === undefined ? null : index + 1, code, detail };
}

function contradictions(places: Header["places"], { line, values }: ReadRow): ImportError[] {
  const { externalId, lat, lon, windowStart, windowEnd, route, position } = values;
  const errors: ImportError[] = [];
  const complain = (column: ColumnName, code: string, detail: string) =>
    errors.push(errorAt(places, line, column, code, detail));
  if (externalId == null) complain("externalId", "missing", "is needed");
  if ((lat == null) !== (lon == null)) complain(lat == null ? "lat" : "lon", "missing", "lat and lon come together");
  if (windowStart != null && windowEnd != null && windowEnd < windowStart) {
    complain("windowEnd", "contradiction", "the window ends before it begins");
  }
  if (position != null && route == null) complain("position", "contradiction", "a position needs a route");
  return errors;
}
