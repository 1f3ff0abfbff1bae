import type { SilenceFacts } from "#store/silence.ts";

/** Why a device says nothing, as far as the store can see. */
export const SILENCE_CAUSES = [
  "never_connected",
  "refused",
  "bad_checksum",
  "rejected",
  "undecodable",
  "clock_wrong",
  "no_fix",
  "disconnected",
  "connected_but_quiet",
] as const;

export type SilenceCause = (typeof SILENCE_CAUSES)[number];

export type SilenceFinding = { cause: SilenceCause; detail: string; since: Date | null };

/** From this share of wrong clocks among the newest fixes on, the clock is named. */
const CLOCK_FAULT_SHARE_MIN = 0.5;

/**
 * What explains the device's silence, the most telling finding first; empty when a position arrived within `silentAfterMs`
 * and nothing else is wrong. A refusal counts only when nothing came through after it: what is over explains nothing.
 */
export function findSilenceCauses(facts: SilenceFacts, nowMs: number, silentAfterMs: number): SilenceFinding[] {
  const heard = facts.lastFrameAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  const positioned = facts.lastPositionAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  const findings: SilenceFinding[] = [];
  const find = (cause: SilenceCause, since: Date | null, detail: string) => findings.push({ cause, detail, since });

  if (facts.lastKnockAt !== null && facts.lastKnockAt.getTime() > heard) {
    find("refused", facts.lastKnockAt, `refused at login ${facts.knocks} times: it was not registered`);
  }
  for (const { reason, frames, lastAt } of facts.rejected) {
    if (lastAt.getTime() <= heard) continue;
    const cause = reason === "checksum" ? "bad_checksum" : "rejected";
    find(cause, lastAt, `${frames} frames refused (${reason}) and not acknowledged; none was sound since`);
  }
  if (facts.lastUndecodableAt !== null && facts.lastUndecodableAt.getTime() > positioned) {
    const detail = `${facts.undecodable} frames are kept but not understood (${facts.undecodableReason})`;
    find("undecodable", facts.lastUndecodableAt, detail);
  }
  if (facts.recentFixes > 0 && facts.recentClockFaults / facts.recentFixes >= CLOCK_FAULT_SHARE_MIN) {
    const detail = `${facts.recentClockFaults} of the newest ${facts.recentFixes} reports carry a wrong time`;
    find("clock_wrong", facts.lastFrameAt, `${detail} (${facts.clockFault})`);
  }
  if (facts.noFixStreak > 0) {
    find("no_fix", facts.lastPositionAt, `the newest ${facts.noFixStreak} reports have no position`);
  }
  if (nowMs - heard < silentAfterMs) return findings;

  if (facts.connected) {
    find("connected_but_quiet", facts.lastFrameAt ?? facts.lastConnectedAt, "connected, but sends nothing");
  } else if (facts.lastConnectedAt !== null || facts.lastFrameAt !== null) {
    const reason = facts.lastCloseReason === null ? "" : `; the last connection was closed: ${facts.lastCloseReason}`;
    find("disconnected", facts.lastDisconnectedAt ?? facts.lastFrameAt, `not connected${reason}`);
  } else if (findings.length === 0) {
    find("never_connected", null, "no connection and no frame of this device has been seen");
  }
  return findings;
}

/** Silent: no position within `silentAfterMs`. */
export function isSilent(facts: SilenceFacts, nowMs: number, silentAfterMs: number): boolean {
  return facts.lastPositionAt === null || nowMs - facts.lastPositionAt.getTime() >= silentAfterMs;
}
