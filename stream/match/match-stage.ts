import type { MatchedPlace } from "#store/measured.ts";
import type { PathSegmentRow } from "#store/track-rows.ts";
import { isPlaced, type PlacedFix } from "../placed-fix.ts";
import type { DeviceStage, StageContext, StageItem } from "../stage.ts";
import { Drive, type DriveState, driveInitial, matchFixOf } from "./drive.ts";
import type { MatchFix } from "./match-fix.ts";
import { AROUND_FIXES, rematch } from "./rematch.ts";

const FIX_IDS_PER_FRAME = 1024;
/** Late fixes further apart than this may come from two gaps. */
const ONE_GAP_MS = 120_000;

/**
 * Gives every fix its place on the road network, and the path its decided segments. Fixes that came late are matched
 * together with the recent ones around them, and what was driven there takes the place of what was said before; they never
 * move the live match.
 */
export const matchStage: DeviceStage<DriveState> = {
  name: "match",
  version: 1,
  initial: driveInitial,
  runFrame: (before, items, { roads }) => {
    if (!items.some((item) => item.kind === "fix" && isPlaced(item.fix))) return { state: before, outputs: items };
    const drive = new Drive(before, roads);
    const late = matchLate(drive, items, roads);
    const outputs: StageItem[] = [];
    let frameSeq = 0;
    for (const item of items) {
      if (item.kind !== "fix" || !isPlaced(item.fix)) {
        outputs.push(item);
        continue;
      }
      const { fix } = item;
      frameSeq = Math.floor(fix.fixId / FIX_IDS_PER_FRAME);
      const added = fix.late ? { matched: late.matched.get(fix) ?? null } : drive.take(fix);
      outputs.push({ kind: "fix", fix: { ...fix, ...added } });
    }
    const state = drive.finish();
    const deviceId = (items.find((item) => item.kind === "fix") as StageItem & { kind: "fix" }).fix.deviceId;
    const live = { revisedFromMs: null, revisedToMs: null };
    [...drive.segments.map((segment) => ({ ...segment, ...live })), ...late.segments].forEach((segment, number) => {
      outputs.push({ kind: "path", segment: { ...segment, deviceId, frameSeq, number } });
    });
    return { state, outputs };
  },
};

type Late = {
  matched: Map<PlacedFix, MatchedPlace | null>;
  segments: Omit<PathSegmentRow, "deviceId" | "frameSeq" | "number">[];
};

function matchLate(drive: Drive, items: readonly StageItem[], roads: StageContext["roads"]): Late {
  const late = items
    .flatMap((item) => (item.kind === "fix" && item.fix.late && isPlaced(item.fix) ? [item.fix] : []))
    .sort((a, b) => a.fixTimeMs - b.fixTimeMs);
  if (late.length === 0 || roads === undefined) return { matched: new Map(), segments: [] };
  const result: Late = { matched: new Map(), segments: [] };
  for (const group of groupsOf(late)) {
    const inputs = group.map(matchFixOf);
    const { places, driven, fromMs, toMs } = rematch(roads, drive.recent.all(), inputs);
    for (const input of endsOf(inputs)) drive.recent.add(input);
    group.forEach((fix, index) => {
      result.matched.set(fix, places[index] ?? null);
    });
    for (const segment of driven) result.segments.push({ ...segment, revisedFromMs: fromMs, revisedToMs: toMs });
  }
  return result;
}

/** Late fixes of one gap each: between two gaps fixes came in time, which may be forgotten by now. */
function groupsOf(late: readonly PlacedFix[]): PlacedFix[][] {
  const groups: PlacedFix[][] = [];
  for (const fix of late) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    if (group === undefined || before === undefined || fix.fixTimeMs - before.fixTimeMs > ONE_GAP_MS)
      groups.push([fix]);
    else group.push(fix);
  }
  return groups;
}

/** What other late fixes can join to: all of these would drive out the ones from before the gap. */
function endsOf(late: readonly MatchFix[]): readonly MatchFix[] {
  return late.length <= 2 * AROUND_FIXES ? late : [...late.slice(0, AROUND_FIXES), ...late.slice(-AROUND_FIXES)];
}
