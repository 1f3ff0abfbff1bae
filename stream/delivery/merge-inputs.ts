import type { CrossingRow, RouteFixRow } from "#store/delivery-inputs.ts";
import { REPORTS_PER_FRAME_MAX } from "../fold.ts";
import type { RouteFix } from "./route-state.ts";
import type { JournalInput } from "./tracked-route.ts";

/** What was read of one device. */
export type SourcePage = { fixes: readonly RouteFixRow[]; crossings: readonly CrossingRow[] };

/**
 * The inputs of a vehicle in the order of the journal, up to where the device with the most left has been read; those of one
 * frame in the order of their time. A page that is full ends before its last frame, of which it may hold a part only.
 */
export function mergeInputs(
  pages: readonly SourcePage[],
  untilSeq: number,
  rowsPerPage: number,
): { inputs: JournalInput[]; untilSeq: number } {
  const cuts = pages.flatMap(({ fixes, crossings }) => [
    fixes.length < rowsPerPage ? untilSeq : seqOf(fixes.at(-1)!),
    crossings.length < rowsPerPage ? untilSeq : crossings.at(-1)!.seq,
  ]);
  const cutSeq = Math.min(untilSeq, ...cuts);
  const inputs: JournalInput[] = [];
  for (const page of pages) {
    for (const fix of page.fixes) inputs.push(fixInput(fix));
    for (const { range: _, ...crossing } of page.crossings) inputs.push({ kind: "crossing", crossing });
  }
  const taken = inputs.filter((input) => placeOf(input).seq < cutSeq);
  return { inputs: taken.sort(compareInputs), untilSeq: cutSeq };
}

/** Orders inputs as the journal has them; those of one frame by their time, so that a fix comes after what it reveals. */
export function compareInputs(one: JournalInput, other: JournalInput): number {
  const [a, b] = [placeOf(one), placeOf(other)];
  return a.seq - b.seq || a.timeMs - b.timeMs || a.rank - b.rank || (a.id < b.id ? -1 : 1);
}

function placeOf(input: JournalInput): { seq: number; timeMs: number; rank: number; id: number | string } {
  if (input.kind === "fix") return { seq: input.seq, timeMs: input.fix.fixTimeMs, rank: 0, id: input.fix.fixId };
  const { seq, atMs, eventId } = input.crossing;
  return { seq, timeMs: atMs, rank: 1, id: eventId };
}

function fixInput(row: RouteFixRow): JournalInput {
  const { range: _, ...fix } = row;
  const measured: RouteFix = { ...fix, protocol: "", altitudeM: null, satellites: null, event: null };
  return { kind: "fix", fix: measured, seq: seqOf(row) };
}

function seqOf({ fixId }: RouteFixRow): number {
  return Math.floor(fixId / REPORTS_PER_FRAME_MAX);
}
