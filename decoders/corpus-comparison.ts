import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import reasons from "./corpus-differences.json" with { type: "json" };
import type { Attributes, ProtocolDecoder, ProtocolName, Report, Transport } from "./decoder.ts";
import { decoders } from "./index.ts";
import { contextOf, cutDatagram, cutStream } from "./outcome.ts";

/**
 * Compares the decoders with the conformance corpus: real frames and what a mature decoder made of them. The frames stay
 * outside the project; only the table of results is kept, in `README.md`, between two markers.
 */
export type CaseResult = {
  id: string;
  /** refused: the frame is damaged, no decoder of ours accepts it, and its repaired form gives the expected reports. */
  outcome: "pass" | "refused" | "differs";
  differences: string[];
};

type Position = {
  fixTime: string | null;
  deviceTime: string | null;
  valid: boolean;
  noFix?: boolean;
  lat: number;
  lon: number;
  altitudeM: number;
  speedMps: number;
  headingDeg: number;
};

type Case = {
  id: string;
  transport: "tcp" | "udp" | "http";
  identify?: string | null;
  wire: (string | object)[];
  wire_repaired?: string[];
  integrity?: { length?: boolean; checksum?: boolean };
  settings?: { modelOverride?: string };
  expect: { positions: Position[] | null };
};

export const CORPUS_FOLDER = join(import.meta.dirname, "../../shared/corpus");
const README = join(import.meta.dirname, "README.md");
const BLOCK = /(<!-- corpus:start -->\n)[\s\S]*(<!-- corpus:end -->)/;

const DEGREES = 1e-6;
/** The reference rounds speeds to four decimals. */
const SPEED_MPS = 1e-4;
const METRES = 1e-6;

export function corpusIsHere(): boolean {
  return existsSync(CORPUS_FOLDER);
}

/** The results of all cases by protocol. */
export function compareCorpus(): Map<ProtocolName, CaseResult[]> {
  const results = new Map<ProtocolName, CaseResult[]>();
  for (const decoder of Object.values(decoders)) {
    const path = join(CORPUS_FOLDER, `${decoder.protocol}.jsonl`);
    if (!existsSync(path)) continue;
    const lines = readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    const cases = lines.map((line) => JSON.parse(line) as Case);
    results.set(
      decoder.protocol,
      cases.map((item) => compareCase(decoder, item)),
    );
  }
  return results;
}

function compareCase(decoder: ProtocolDecoder, item: Case): CaseResult {
  const damaged = item.integrity?.length === false || item.integrity?.checksum === false;
  if (!damaged) return resultOf(item.id, "pass", differencesOf(item, readAll(decoder, item, item.wire)));
  const raw = readAll(decoder, item, item.wire);
  const accepted = raw.reports.length > 0 ? ["a damaged frame was accepted"] : [];
  const repaired = item.wire_repaired ? differencesOf(item, readAll(decoder, item, item.wire_repaired)) : [];
  return resultOf(item.id, "refused", [...accepted, ...repaired]);
}

function resultOf(id: string, good: "pass" | "refused", differences: string[]): CaseResult {
  return { id, outcome: differences.length === 0 ? good : "differs", differences };
}

type Reading = { reports: Report[]; refused: string[] };

/** Reads frames as a session would: in order, with what a login left behind. */
function readAll(decoder: ProtocolDecoder, item: Case, wire: readonly (string | object)[]): Reading {
  const reading: Reading = { reports: [], refused: [] };
  const known = item.identify ? decoder.identify?.(Buffer.from(item.identify, "hex")) : undefined;
  let memory: Attributes | undefined = known?.memory;
  for (const { frame, transport } of wire.flatMap((piece) => framesOf(decoder, item, piece, reading))) {
    const envelope = decoder.envelope(frame, transport);
    if (envelope.kind === "rejected") {
      reading.refused.push(envelope.reason);
      continue;
    }
    const context = contextOf(transport, {
      model: item.settings?.modelOverride ?? null,
      ...(memory ? { memory } : {}),
    });
    const result = decoder.decode(frame, context);
    if (result.kind === "undecodable") reading.refused.push(result.reason);
    else {
      memory = { ...memory, ...result.memory };
      reading.reports.push(...result.reports);
    }
  }
  return reading;
}

type Framed = { frame: Uint8Array; transport: Transport };

function framesOf(decoder: ProtocolDecoder, item: Case, piece: string | object, reading: Reading): Framed[] {
  if (typeof piece !== "string") {
    const framed = decoder.frameOfLine?.(JSON.stringify(piece));
    if (!framed) reading.refused.push("format");
    return framed ? [framed] : [];
  }
  const bytes = Buffer.from(piece, "hex");
  const transport = item.transport;
  const cuts = transport === "udp" ? [cutDatagram(decoder, bytes)] : cutStream(decoder, bytes);
  return cuts.flatMap((cut): Framed[] => {
    if (cut.kind === "frame") return [{ frame: Buffer.from(cut.hex, "hex"), transport }];
    reading.refused.push(cut.kind === "incomplete" ? "length" : cut.reason);
    return [];
  });
}

function differencesOf({ expect }: Case, { reports, refused }: Reading): string[] {
  const positions = expect.positions ?? [];
  const differences = refused.map((reason) => `refused: ${reason}`);
  if (positions.length === 0) {
    if (reports.some(({ kind }) => kind === "fix")) differences.push("a fix where the reference has none");
    return differences;
  }
  // A frame's answers and logins are not positions; the reference makes one of anything else.
  const counted = reports.filter(({ kind }) => kind !== "login");
  if (counted.length !== positions.length) return [...differences, `${counted.length} of ${positions.length} reports`];
  return [...differences, ...positions.flatMap((position, index) => comparePosition(position, counted[index]!))];
}

function comparePosition(position: Position, report: Report): string[] {
  if (position.noFix === true) return compareWithoutFix(position, report);
  const lat = report.latDeg ?? Number(report.attributes["lastKnown.lat"] ?? 0);
  const lon = report.lonDeg ?? Number(report.attributes["lastKnown.lon"] ?? 0);
  const timed = position.fixTime === "<server-time>" || report.timeMs === Date.parse(position.fixTime ?? "");
  // The reference writes 0 where a frame says nothing; we write null.
  return [
    ...differ("time", timed),
    ...differ("validity", report.valid === position.valid),
    ...differ("latitude", Math.abs(lat - position.lat) <= DEGREES),
    ...differ("longitude", Math.abs(lon - position.lon) <= DEGREES),
    ...differ("altitude", Math.abs((report.altitudeM ?? 0) - position.altitudeM) <= METRES),
    ...differ("speed", Math.abs((report.speedMps ?? 0) - position.speedMps) <= SPEED_MPS),
    ...differ("heading", Math.abs((report.headingDeg ?? 0) - position.headingDeg) <= DEGREES),
  ];
}

function compareWithoutFix({ deviceTime }: Position, report: Report): string[] {
  const deviceMs = deviceTime === null ? Number.NaN : Date.parse(deviceTime);
  // Years that no clock shows are the reference's own misreading.
  const known = Number.isFinite(deviceMs) && deviceMs < Date.UTC(2100, 0);
  return [...differ("validity", !report.valid), ...differ("time", !known || report.timeMs === deviceMs)];
}

function differ(what: string, equal: boolean): string[] {
  return equal ? [] : [what];
}

/** The table of results and, case by case, what differs and why. */
export function corpusTable(results: ReadonlyMap<ProtocolName, readonly CaseResult[]>): string {
  const rows = [...results].map(([protocol, cases]) => {
    const count = (outcome: CaseResult["outcome"]): number => cases.filter((item) => item.outcome === outcome).length;
    return `| ${protocol} | ${cases.length} | ${count("pass")} | ${count("refused")} | ${count("differs")} |`;
  });
  const differing = [...results.values()].flat().filter(({ outcome }) => outcome === "differs");
  const whys = differing.map(({ id, differences }) => {
    const what = [...new Set(differences)].join(", ");
    return `| ${id} | ${what} | ${reasonOf(id)} |`;
  });
  return [
    "| protocol | cases | pass | refused (damaged) | differs |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    ...(whys.length === 0 ? ["No case differs."] : ["| case | differs in | why |", "|---|---|---|", ...whys]),
    "",
  ].join("\n");
}

export function reasonOf(id: string): string {
  return (reasons as { readonly [id: string]: string })[id] ?? "not explained";
}

export function explainedIds(): string[] {
  return Object.keys(reasons);
}

/** The table as the README has it. */
export function readmeTable(): string {
  return BLOCK.exec(readFileSync(README, "utf8"))?.[0].replace(BLOCK_MARKERS, "") ?? "";
}

/** A table without what a formatter may change: widths of columns and blank lines. */
export function unformatted(table: string): string {
  return table
    .replaceAll(/-{3,}/g, "---")
    .replaceAll(/ *\| */g, "|")
    .replaceAll(/\n+/g, "\n")
    .trim();
}

const BLOCK_MARKERS = /<!-- corpus:(start|end) -->\n?/g;

/** `node decoders/corpus-comparison.ts` prints the table; `--write` puts it into the README. */
function run(): void {
  const table = corpusTable(compareCorpus());
  if (!process.argv.includes("--write")) {
    console.log(table);
    return;
  }
  const readme = readFileSync(README, "utf8");
  if (!BLOCK.test(readme)) throw new Error("README.md has no block between the corpus markers");
  writeFileSync(
    README,
    readme.replace(BLOCK, (_all, start: string, end: string) => `${start}${table}${end}`),
  );
}

if (import.meta.main) run();
