import { expect, test } from "vitest";
import { NOTHING_SEEN, type SilenceFacts } from "#store/silence.ts";
import { findSilenceCauses, isSilent } from "./silence.ts";

const NOW_MS = Date.UTC(2026, 10, 22, 12);
const SILENT_AFTER_MS = 300_000;
const ago = (seconds: number) => new Date(NOW_MS - seconds * 1000);

const talking: Partial<SilenceFacts> = {
  connected: true,
  lastConnectedAt: ago(3_000),
  lastFrameAt: ago(10),
  lastPositionAt: ago(10),
  recentFixes: 20,
};

const checksum = (seconds: number) => [{ reason: "checksum", frames: 12, lastAt: ago(seconds) }];

test.each<[string, Partial<SilenceFacts>, string[]]>([
  ["was never heard of", {}, ["never_connected"]],
  ["knocked before it was registered", { knocks: 4, lastKnockAt: ago(60) }, ["refused"]],
  ["knocked once, but talks now", { ...talking, knocks: 4, lastKnockAt: ago(60) }, []],
  [
    "sends frames with a bad checksum only",
    { ...talking, lastFrameAt: ago(900), rejected: checksum(5) },
    ["bad_checksum", "connected_but_quiet"],
  ],
  ["sent a bad checksum before a sound frame", { ...talking, rejected: checksum(60) }, []],
  [
    "sends a codec that is not known",
    {
      ...talking,
      lastPositionAt: ago(900),
      undecodable: 7,
      lastUndecodableAt: ago(10),
      undecodableReason: "codec",
    },
    ["undecodable"],
  ],
  ["has no GNSS reception", { ...talking, lastPositionAt: ago(900), noFixStreak: 30 }, ["no_fix"]],
  ["lives in 1970", { ...talking, recentClockFaults: 20, clockFault: "unsynchronised" }, ["clock_wrong"]],
  ["had one wrong time", { ...talking, recentClockFaults: 1, clockFault: "future" }, []],
  [
    "was disconnected",
    {
      ...talking,
      connected: false,
      lastFrameAt: ago(900),
      lastDisconnectedAt: ago(890),
      lastCloseReason: "idle",
    },
    ["disconnected"],
  ],
  ["sends datagrams and stopped", { lastFrameAt: ago(900), lastPositionAt: ago(900) }, ["disconnected"]],
  ["is connected and sends nothing", { ...talking, lastFrameAt: ago(900) }, ["connected_but_quiet"]],
  ["is fine", talking, []],
])("a device that %s is told apart", (_title, facts, causes) => {
  const findings = findSilenceCauses({ ...NOTHING_SEEN, ...facts }, NOW_MS, SILENT_AFTER_MS);
  expect(findings.map((finding) => finding.cause)).toEqual(causes);
});

test("the last close reason is told", () => {
  const facts = { ...NOTHING_SEEN, lastFrameAt: ago(900), lastDisconnectedAt: ago(890), lastCloseReason: "idle" };
  expect(findSilenceCauses(facts, NOW_MS, SILENT_AFTER_MS)[0]!.detail).toContain("idle");
});

test("silent means no position for as long as makes one stale", () => {
  expect(isSilent({ ...NOTHING_SEEN, lastPositionAt: ago(299) }, NOW_MS, SILENT_AFTER_MS)).toBe(false);
  expect(isSilent({ ...NOTHING_SEEN, lastPositionAt: ago(300) }, NOW_MS, SILENT_AFTER_MS)).toBe(true);
  expect(isSilent(NOTHING_SEEN, NOW_MS, SILENT_AFTER_MS)).toBe(true);
});
