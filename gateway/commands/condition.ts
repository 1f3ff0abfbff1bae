import type { CommandClass, CommandCondition, CommandObservation } from "#store/commands.ts";

/** A vehicle is only immobilised, or let go, when it is seen to stand; GNSS never says exactly 0. */
const IMMOBILISER_SPEED_MAX_MPS = 0.5;
/** A parked vehicle reports seldom; beyond this its position is stale. */
const IMMOBILISER_FIX_AGE_MAX_S = 300;
/** A speed is asked of a fix no older than this unless the caller says otherwise. */
const FIX_AGE_MAX_S = 60;

export type ConditionVerdict = { kind: "met" } | { kind: "unmet" | "unknown"; reason: string };

/** The condition that a command gets: what was asked for, tightened where its class demands it. */
export function requiredCondition(commandClass: CommandClass, asked: CommandCondition | null): CommandCondition | null {
  const speedMaxMps =
    commandClass === "immobiliser"
      ? Math.min(asked?.speedMaxMps ?? IMMOBILISER_SPEED_MAX_MPS, IMMOBILISER_SPEED_MAX_MPS)
      : asked?.speedMaxMps;
  const fixAgeMaxS = asked?.fixAgeMaxS ?? (speedMaxMps === undefined ? undefined : FIX_AGE_MAX_S);
  if (fixAgeMaxS === undefined) return null;
  const boundedS = commandClass === "immobiliser" ? Math.min(fixAgeMaxS, IMMOBILISER_FIX_AGE_MAX_S) : fixAgeMaxS;
  return { fixAgeMaxS: boundedS, ...(speedMaxMps === undefined ? {} : { speedMaxMps }) };
}

/**
 * Looks at what is known of the device. `unmet` where it speaks against the command; `unknown` where it says nothing
 * about now: a gap in the data is no evidence, and the next fix may close it.
 */
export function judge(condition: CommandCondition | null, observed: CommandObservation): ConditionVerdict {
  if (condition === null) return { kind: "met" };
  const { speedMaxMps, fixAgeMaxS } = condition;
  const { speedMps, fixAgeS } = observed;
  if (speedMaxMps !== undefined && speedMps !== null && speedMps > speedMaxMps) {
    return { kind: "unmet", reason: `last seen at ${speedMps.toFixed(1)} m/s, above ${speedMaxMps} m/s` };
  }
  if (fixAgeS === null) return { kind: "unknown", reason: "the device has had no position yet" };
  if (fixAgeMaxS !== undefined && fixAgeS > fixAgeMaxS) {
    return { kind: "unknown", reason: `the last position is ${Math.round(fixAgeS)} s old, more than ${fixAgeMaxS} s` };
  }
  if (speedMaxMps !== undefined && speedMps === null) return { kind: "unknown", reason: "the speed is not known" };
  return { kind: "met" };
}
