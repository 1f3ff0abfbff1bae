import { deflateSync } from "node:zlib";
import type { ClientBase } from "pg";
import {
  readArtefactUses,
  readCrossings,
  readEvidenceFixes,
  readFrameHashes,
  readOtherPods,
  readOtherStops,
  readPodRow,
  readSources,
  readTemperatureRows,
} from "#store/pod-evidence.ts";
import { type NewVerdict, saveVerdict, scheduleSiblings } from "#store/pod-judge.ts";
import { type EvidenceRecord, materialLines, verdictContent } from "../evidence/bundle.ts";
import { REPORTS_PER_FRAME_MAX } from "../fold.ts";
import { explain } from "../verdict/explain.ts";
import { judge, type Verdict } from "../verdict/judge.ts";
import { VERDICT_LIMITS } from "../verdict/limits.ts";
import { verdictMap } from "../verdict/map.ts";
import { type EvidenceRows, evidenceOf, telemetrySpan } from "./evidence-of.ts";
import { temperaturePolicy } from "./temperature-policy.ts";

/** Visits are looked for this far around a POD: who was there earlier in the day was there. */
const VISITS_MS = 12 * 3_600_000;
/** A load whose route was not seen to start is looked at for this long. */
const LOAD_MS_MAX = 12 * 3_600_000;
/** While telemetry still comes in live, a POD is looked at again this often, and once more when its window is over. */
const LIVE_MS = 20_000;
const SETTLED_MS = 120_000;

/** Judges a POD by what is known now and stores what is new. Undefined where there is no such POD. */
export async function judgePod(
  client: ClientBase,
  podId: string,
  nowMs: number,
): Promise<{ verdict: Verdict["verdict"]; version: number; added: boolean } | undefined> {
  const rows = await readRows(client, podId, nowMs);
  if (rows === undefined) return undefined;
  const evidence = evidenceOf(rows);
  const verdict = judge(evidence);
  const records = recordsOf(rows);
  const frames = await framesOf(client, rows);
  const { pod } = rows;
  const span = telemetrySpan(pod);
  const parts = {
    ...{ podId, stopId: pod.stopId, routeId: pod.routeId, planVersion: pod.routeVersion, evaluatedAtMs: nowMs },
    ...{ limits: VERDICT_LIMITS, frames, records, verdict },
    artefacts: rows.artefacts.map(({ artefactId, kind, sha256, sealedSha256 }) => {
      return { id: artefactId, kind, sha256, sealedSha256 };
    }),
  };
  const stored: NewVerdict = {
    ...{ podId, verdict: verdict.verdict, ruleVersion: verdict.ruleVersion, evaluatedAtMs: nowMs },
    ...{ podAtMs: verdict.podAtMs, podTimeCertain: verdict.podTimeCertain, reasons: verdict.reasons },
    ...{ temperature: verdict.temperature, explanation: explain(verdict), map: verdictMap(evidence) },
    watches: rows.sources.map(({ deviceId }) => ({ deviceId, ...span })),
    judgeAtMs: nextLookMs(verdict, nowMs),
    contentOf: (before) => verdictContent(parts, before),
    material: deflateSync(materialLines(records)),
  };
  const { version, added } = await saveVerdict(client, stored);
  if (version === 1 && added) await scheduleSiblings(client, podId, nowMs);
  return { verdict: verdict.verdict, version, added };
}

async function readRows(client: ClientBase, podId: string, nowMs: number): Promise<EvidenceRows | undefined> {
  const pod = await readPodRow(client, podId);
  if (pod === undefined) return undefined;
  const span = telemetrySpan(pod);
  const sources = pod.vehicleId === null ? [] : await readSources(client, pod.vehicleId, span.fromMs, span.toMs);
  const deviceIds = sources.map(({ deviceId }) => deviceId);
  const otherStops = pod.routeId === null ? [] : await readOtherStops(client, pod.routeId, pod.stopId);
  const fences = [pod, ...otherStops].flatMap(({ geofenceId }) => geofenceId ?? []);
  const policy = temperaturePolicy(pod.routePolicy, pod.policy);
  const atMs = span.toMs - 2 * VERDICT_LIMITS.windowS * 1000;
  const loadedMs = Math.max(pod.routeStartedAtMs ?? 0, atMs - LOAD_MS_MAX);
  const load = policy === null ? null : { policy, fromMs: Math.min(loadedMs, atMs), toMs: atMs };
  return {
    ...{ evaluatedAtMs: nowMs, pod, otherStops, sources },
    fixes: await readEvidenceFixes(client, deviceIds, span.fromMs, span.toMs),
    crossings: await readCrossings(client, deviceIds, fences, span.fromMs - VISITS_MS, span.toMs + VISITS_MS),
    artefacts: await readArtefactUses(client, podId),
    otherPods: await readOtherPods(client, podId),
    temperature:
      load === null
        ? null
        : { ...load, rows: await readTemperatureRows(client, deviceIds, load.policy.probes, load.fromMs, load.toMs) },
  };
}

/** What a bundle names: the POD without anything personal, fixes, crossings, and what stood around them. */
function recordsOf(rows: EvidenceRows): EvidenceRecord[] {
  const { policy: _policy, routePolicy: _routePolicy, ...pod } = rows.pod;
  const { otherStops, sources, otherPods, artefacts } = rows;
  const reused = artefacts.map(({ artefactId, usedBefore }) => ({ artefactId, usedBefore }));
  const load = rows.temperature;
  const temperature = load === null ? null : { ...load.policy, fromMs: load.fromMs, toMs: load.toMs };
  return [
    { kind: "pod", id: pod.podId, value: pod },
    { kind: "context", id: "stops", value: otherStops },
    { kind: "context", id: "sources", value: sources },
    { kind: "context", id: "other pods", value: otherPods },
    { kind: "context", id: "reused artefacts", value: reused },
    { kind: "context", id: "temperature", value: { temperature } },
    ...rows.fixes.map((fix) => ({ kind: "fix" as const, id: fix.fixId, value: fix })),
    ...(load?.rows ?? [])
      .filter(({ fixId }) => !rows.fixes.some((fix) => fix.fixId === fixId))
      .map((row) => ({ kind: "fix" as const, id: row.fixId, value: row })),
    ...rows.crossings.map((crossing) => ({ kind: "event" as const, id: crossing.eventId, value: crossing })),
  ];
}

async function framesOf(client: ClientBase, { fixes }: EvidenceRows): Promise<[string, string][]> {
  const seqs = [...new Set(fixes.map(({ fixId }) => Math.floor(Number(fixId) / REPORTS_PER_FRAME_MAX)))];
  const hashes = await readFrameHashes(client, seqs);
  return [...hashes].map(([seq, sha256]) => [String(seq), sha256]);
}

/** When to look although nothing new is heard: while the window runs, once after it, and when waiting is over. */
function nextLookMs({ podAtMs, reasons }: Verdict, nowMs: number): number | null {
  const { windowS, pendingS } = VERDICT_LIMITS;
  const settledAtMs = podAtMs + windowS * 1000 + SETTLED_MS;
  if (nowMs < settledAtMs) return Math.min(settledAtMs, nowMs + LIVE_MS);
  const isPending = reasons.some(({ code }) => code === "TELEMETRY_PENDING");
  return isPending ? podAtMs + pendingS * 1000 + 1_000 : null;
}
