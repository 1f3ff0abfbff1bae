import type { CrossingRow, RouteFixRow } from "#store/delivery-fold.ts";
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
  const inputs: Ordered[] = [];
  for (const page of pages) {
    for (const fix of page.fixes) inputs.push(orderedFix(fix));
    for (const crossing of page.crossings) inputs.push(orderedCrossing(crossing));
  }
  const taken = inputs.filter(({ seq }) => seq < cutSeq);
  taken.sort((a, b) => a.seq - b.seq || a.timeMs - b.timeMs || a.rank - b.rank || (a.id < b.id ? -1 : 1));
  return { inputs: taken.map(({ input }) => input), untilSeq: cutSeq };
}

type Ordered = { seq: number; timeMs: number; rank: number; id: number | string; input: JournalInput };

function orderedFix(row: RouteFixRow): Ordered {
  const { range: _, ...fix } = row;
  const seq = seqOf(row);
  const measured: RouteFix = { ...fix, protocol: "", altitudeM: null, satellites: null, event: null };
  return { seq, timeMs: row.fixTimeMs, rank: 0, id: row.fixId, input: { kind: "fix", fix: measured, seq } };
}

function orderedCrossing({ range: _, ...crossing }: CrossingRow): Ordered {
  const { seq, atMs, eventId } = crossing;
  return { seq, timeMs: atMs, rank: 1, id: eventId, input: { kind: "crossing", crossing } };
}

function seqOf({ fixId }: RouteFixRow): number {
  return Math.floor(fixId / REPORTS_PER_FRAME_MAX);
}
