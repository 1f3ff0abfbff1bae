import type { Client } from "pg";
import { COMPARED_COLUMNS } from "#store/fold-replay.ts";
import {
  type AttributeChange,
  countChangedAttributes,
  countChangedColumns,
  type ReplayCounts,
  type ReplayExample,
  readReplayExamples,
} from "#store/fold-replay-differences.ts";
import type { TrackCounts } from "#store/fold-replay-track.ts";

const EXAMPLES_MAX = 5;

/** Writes what a replay found: counts, fields and attributes that differ, and a few examples. */
export async function reportReplay(
  client: Client,
  counts: ReplayCounts & { events: TrackCounts; trips: TrackCounts; frames: number; faults: number },
  write: (line: string) => void,
): Promise<void> {
  write(`frames replayed: ${counts.frames}`);
  write(`fixes: ${counts.same} same, ${counts.changed} changed, ${counts.missing} missing, ${counts.extra} extra`);
  for (const what of ["events", "trips"] as const) {
    const { same, changed, missing, extra } = counts[what];
    write(`${what}: ${same} same, ${changed} changed, ${missing} missing, ${extra} extra`);
  }
  write(`quarantine: ${counts.resolved} frames understood now, ${counts.unusable} not any more`);
  if (counts.faults > 0) write(`frames on which the fold fails: ${counts.faults}`);
  for (const { column, fixes } of await countChangedColumns(client)) write(`field ${column}: ${fixes} fixes`);
  for (const change of await countChangedAttributes(client)) write(attributeLine(change));
  for (const example of await readReplayExamples(client, EXAMPLES_MAX)) {
    for (const line of exampleLines(example)) write(line);
  }
}

function attributeLine({ name, added, removed, changed }: AttributeChange): string {
  const parts = Object.entries({ added, removed, changed }).filter(([, fixes]) => fixes > 0);
  return `attribute ${name}: ${parts.map(([what, fixes]) => `${what} in ${fixes} fixes`).join(", ")}`;
}

function exampleLines({ fixId, uid, fixTime, was, now }: ReplayExample): string[] {
  const head = `example: fix ${fixId} of ${uid} at ${fixTime.toISOString()}`;
  if (was === null) return [`${head}: missing`];
  if (now === null) return [`${head}: extra`];
  return [head, ...differences(flat(was), flat(now)).map((line) => `  ${line}`)];
}

/** The compared columns of a row, attributes beside them. */
function flat(row: Record<string, unknown>): Map<string, string> {
  const values = COMPARED_COLUMNS.flatMap((column): [string, unknown][] =>
    column === "attributes" ? Object.entries((row[column] ?? {}) as Record<string, unknown>) : [[column, row[column]]],
  );
  return new Map(values.map(([name, value]) => [name, JSON.stringify(value)]));
}

function differences(was: Map<string, string>, now: Map<string, string>): string[] {
  const names = [...new Set([...was.keys(), ...now.keys()])];
  return names
    .filter((name) => was.get(name) !== now.get(name))
    .map((name) => `${name}: ${was.get(name) ?? "-"} → ${now.get(name) ?? "-"}`);
}
