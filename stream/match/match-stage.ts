import type { MatchedPlace } from "#store/measured.ts";
import { isPlaced, type PlacedFix } from "../placed-fix.ts";
import type { DeviceStage, StageContext, StageItem } from "../stage.ts";
import { Drive, type DriveState, driveInitial, matchFixOf } from "./drive.ts";
import { rematch } from "./rematch.ts";

const FIX_IDS_PER_FRAME = 1024;

/**
 * Gives every fix its place on the road network, and the path its decided segments. Fixes that came late are matched
 * together with the recent ones around them; they never move the live match.
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
      const added = fix.late ? { matched: late.get(fix) ?? null } : drive.take(fix);
      outputs.push({ kind: "fix", fix: { ...fix, ...added } });
    }
    const state = drive.finish();
    const deviceId = (items.find((item) => item.kind === "fix") as StageItem & { kind: "fix" }).fix.deviceId;
    drive.segments.forEach((segment, number) => {
      outputs.push({ kind: "path", segment: { ...segment, deviceId, frameSeq, number } });
    });
    return { state, outputs };
  },
};

function matchLate(
  drive: Drive,
  items: readonly StageItem[],
  roads: StageContext["roads"],
): Map<PlacedFix, MatchedPlace | null> {
  const late = items.flatMap((item) => (item.kind === "fix" && item.fix.late && isPlaced(item.fix) ? [item.fix] : []));
  if (late.length === 0 || roads === undefined) return new Map();
  const inputs = late.map(matchFixOf);
  const answers = rematch(roads, drive.recent.all(), inputs);
  for (const input of inputs) drive.recent.add(input);
  return new Map(late.map((fix, index) => [fix, answers[index] ?? null]));
}
