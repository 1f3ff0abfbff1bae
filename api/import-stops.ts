import type { Database } from "#store/database.ts";
import { type ImportOutcome, type ImportRow, importStops } from "#store/imports.ts";
import { findAllNamed } from "#store/named-things.ts";
import type { Geocode } from "./geocoder.ts";
import { delimiterOf, readCsv } from "./import-csv.ts";
import {
  type ColumnName,
  errorAt,
  type Header,
  type ImportError,
  type ReadRow,
  readHeader,
  readRow,
} from "./import-row.ts";
import { EMPTY_STOP } from "./stop-input.ts";

/**
 * An import: lines are read one after the other, then written in steps, each a transaction of its own that has all lines
 * of its routes. What is wrong with a line is told, and the others are taken.
 */

/** Lines of one file. */
export const IMPORT_ROWS_MAX = 100_000;
/** Errors that are told one by one; all are counted. */
export const IMPORT_ERRORS_MAX = 1_000;
/** Addresses of one file that are looked up. */
export const IMPORT_ADDRESSES_MAX = 500;
/** Plans of others wait while a step is written. A step is that long, and a route more. */
const STEP_ROWS = 1_000;

export type ImportReport = {
  rows: number;
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  routesCreated: number;
  routesUpdated: number;
  ignoredColumns: readonly string[];
  errors: ImportError[];
  errorsCount: number;
};

export type ImportDeps = { database: Database; geocode: Geocode | undefined; fleetId: number; dryRun: boolean };

/** `unfit` when the file has no header that can be read. */
export async function importFile(
  deps: ImportDeps,
  text: string,
): Promise<{ kind: "imported"; report: ImportReport } | { kind: "unfit"; detail: string }> {
  const records = readCsv(text, delimiterOf(text));
  const first = await records.next();
  if (first.done)
    return { kind: "unfit", detail: first.value.kind === "end" ? "The file is empty." : first.value.detail };
  const header = readHeader(first.value);
  if ("detail" in header) return { kind: "unfit", detail: header.detail };
  const file = new ImportingFile(deps, header);
  for (;;) {
    const next = await records.next();
    if (next.done) {
      if (next.value.kind === "broken") file.fail([wholeLine(next.value.line, "malformed", next.value.detail)]);
      return { kind: "imported", report: await file.finish() };
    }
    if (file.rows >= IMPORT_ROWS_MAX) {
      file.fail([
        wholeLine(next.value.line, "too_many_rows", `at most ${IMPORT_ROWS_MAX} lines: the rest is left out`),
      ]);
      return { kind: "imported", report: await file.finish() };
    }
    file.take(readRow(header, next.value));
  }
}

function wholeLine(line: number, code: string, detail: string): ImportError {
  return { line, column: null, columnNumber: null, code, detail };
}

const REFUSED_COLUMN = {
  elsewhere: "route",
  stop_cancelled: "externalId",
  route_cancelled: "route",
  route_full: "route",
  coordinates_missing: "lat",
} as const satisfies Record<ImportOutcome["refused"][number]["reason"], ColumnName>;

const REFERENCES = ["vehicle", "driver", "brand"] as const;

class ImportingFile {
  rows = 0;
  readonly #deps: ImportDeps;
  readonly #header: Header;
  readonly #errors: ImportError[] = [];
  #errorsCount = 0;
  #failed = 0;
  #addresses = 0;
  /** Readable lines by their route; those without one stand alone. */
  readonly #groups = new Map<string | number, ReadRow[]>();
  readonly #counts = { created: 0, updated: 0, unchanged: 0 };
  readonly #lineOfStop = new Map<string, number>();
  /** What the first line of each route said of it, by column. */
  readonly #saidOfRoute = new Map<string, string>();
  readonly #ids = {
    vehicle: new Map<string, number>(),
    driver: new Map<string, number>(),
    brand: new Map<string, number>(),
  };
  readonly #routesCreated = new Set<string>();
  readonly #routesUpdated = new Set<string>();

  constructor(deps: ImportDeps, header: Header) {
    this.#deps = deps;
    this.#header = header;
  }

  take(read: ReadRow | { errors: ImportError[] }): void {
    this.rows++;
    const errors = "errors" in read ? read.errors : this.#againstOthers(read);
    if (errors.length > 0) this.fail(errors);
    if (errors.length > 0 || "errors" in read) return;
    const group = read.values.route ?? read.line;
    const rows = this.#groups.get(group);
    if (rows === undefined) this.#groups.set(group, [read]);
    else rows.push(read);
  }

  /** One line that is not taken. */
  fail(errors: readonly ImportError[]): void {
    this.#failed++;
    this.#errorsCount += errors.length;
    this.#errors.push(...errors.slice(0, Math.max(0, IMPORT_ERRORS_MAX - this.#errors.length)));
  }

  async finish(): Promise<ImportReport> {
    let step: ReadRow[] = [];
    for (const group of this.#groups.values()) {
      step.push(...group);
      if (step.length < STEP_ROWS) continue;
      await this.#writeStep(step);
      step = [];
    }
    await this.#writeStep(step);
    this.#errors.sort((a, b) => a.line - b.line || (a.columnNumber ?? 0) - (b.columnNumber ?? 0));
    return {
      ...{ rows: this.rows, ...this.#counts, failed: this.#failed },
      ...{ routesCreated: this.#routesCreated.size, routesUpdated: this.#routesUpdated.size },
      ...{ ignoredColumns: this.#header.ignored, errors: this.#errors, errorsCount: this.#errorsCount },
    };
  }

  /** An external id comes once in a file, and all lines of a route say the same of it. */
  #againstOthers({ line, values }: ReadRow): ImportError[] {
    const externalId = values.externalId!;
    const before = this.#lineOfStop.get(externalId);
    if (before !== undefined) return [this.#errorAt(line, "externalId", "duplicate", `is in line ${before} already`)];
    this.#lineOfStop.set(externalId, line);
    if (values.route == null) return [];
    return REFERENCES.flatMap((column) => {
      const value = values[column];
      if (value == null) return [];
      const key = JSON.stringify([column, values.route]);
      const said = this.#saidOfRoute.get(key) ?? value;
      this.#saidOfRoute.set(key, said);
      if (said === value) return [];
      return [this.#errorAt(line, column, "contradiction", `a line of the same route says ${said}`)];
    });
  }

  async #writeStep(step: readonly ReadRow[]): Promise<void> {
    if (step.length === 0) return;
    await this.#findReferences(step);
    const rows: ImportRow[] = [];
    for (const read of step) {
      const row = await this.#rowOf(read);
      if (Array.isArray(row)) this.fail(row);
      else rows.push(row);
    }
    const { database, fleetId, dryRun } = this.#deps;
    const outcome = await importStops(database, fleetId, rows, EMPTY_STOP, dryRun);
    this.#counts.created += outcome.created;
    this.#counts.updated += outcome.updated;
    this.#counts.unchanged += outcome.unchanged;
    for (const name of outcome.routesCreated) this.#routesCreated.add(name);
    for (const name of outcome.routesUpdated) if (!this.#routesCreated.has(name)) this.#routesUpdated.add(name);
    for (const { line, reason, detail } of outcome.refused) {
      this.fail([this.#errorAt(line, REFUSED_COLUMN[reason], reason, detail)]);
    }
  }

  async #findReferences(step: readonly ReadRow[]): Promise<void> {
    const { database, fleetId } = this.#deps;
    for (const column of REFERENCES) {
      const known = this.#ids[column];
      const names = new Set(step.flatMap(({ values }) => values[column] ?? []).filter((name) => !known.has(name)));
      const found = await findAllNamed(database, column, fleetId, [...names]);
      for (const [name, id] of found) known.set(name, id);
    }
  }

  async #rowOf({ line, values }: ReadRow): Promise<ImportRow | ImportError[]> {
    const unknown = REFERENCES.filter((column) => values[column] != null && !this.#ids[column].has(values[column]!));
    if (unknown.length > 0) {
      return unknown.map((column) => this.#errorAt(line, column, "unknown", `there is no such ${column}`));
    }
    const place = await this.#placeOf(line, values);
    if ("code" in place) return [place];
    const idOf = (column: (typeof REFERENCES)[number]) => {
      const value = values[column];
      return value == null ? {} : { [`${column}Id`]: this.#ids[column].get(value)! };
    };
    const { externalId, route, name, phone, email, locale } = values;
    return {
      line,
      externalId: externalId!,
      content: { ...contentOf(values), ...place },
      contact: given({ name, phone, email, locale }),
      route: route == null ? null : { externalId: route, ...idOf("vehicle"), ...idOf("driver"), ...idOf("brand") },
      position: values.position ?? null,
    };
  }

  async #placeOf(
    line: number,
    { lat, lon, address }: ReadRow["values"],
  ): Promise<{ latDeg?: number; lonDeg?: number } | ImportError> {
    if (lat != null && lon != null) return { latDeg: lat, lonDeg: lon };
    const { geocode } = this.#deps;
    if (address == null || geocode === undefined) return {};
    if (++this.#addresses > IMPORT_ADDRESSES_MAX) {
      const detail = `at most ${IMPORT_ADDRESSES_MAX} addresses of a file are looked up`;
      return this.#errorAt(line, "address", "too_many_addresses", detail);
    }
    const found = await geocode(address);
    switch (found.kind) {
      case "found":
        return { latDeg: found.latDeg, lonDeg: found.lonDeg };
      case "unknown":
        return this.#errorAt(line, "address", "address_unknown", "is not known to the geocoder");
      case "away":
        return this.#errorAt(line, "address", "geocoder_away", found.detail);
    }
  }

  #errorAt(line: number, column: ColumnName, code: string, detail: string): ImportError {
    return errorAt(this.#header.places, line, column, code, detail);
  }
}

/** What the file says of the stop itself. Empty cells that can't be empty in a stop leave what is there. */
function contentOf(values: ReadRow["values"]): ImportRow["content"] {
  const { kind, radiusM, address, notes, windowStart, windowEnd, serviceSeconds, demand, promisedBy, timeZone } =
    values;
  return given({
    ...{ kind: kind ?? undefined, radiusM: radiusM ?? undefined, demand: demand ?? undefined },
    ...{ address, notes, timeZone, serviceS: serviceSeconds },
    ...{ windowStartMs: windowStart, windowEndMs: windowEnd, promisedByMs: promisedBy },
  });
}

type Given<Values> = { [Name in keyof Values]?: Exclude<Values[Name], undefined> };

/** Without what is undefined: the file has no such column. */
function given<Values extends object>(values: Values): Given<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<Values>;
}
