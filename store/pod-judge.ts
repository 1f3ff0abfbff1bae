import type { Client, ClientBase } from "pg";
import { eventIdOf, insertEvents } from "./event-writes.ts";
import { appendEvidence } from "./evidence.ts";
import { jsonbTextOf } from "./fold-rows.ts";

/** What the judge of PODs finds and writes. Times are Unix milliseconds. */

const JUDGE_LOCK = 7_411_820_013;
/** Fixes that one look at the feed passes over at most. */
const SCANNED_FIXES_MAX = 20_000;

/** One process at a time judges, for as long as this session lives; false while another does. */
export async function claimJudge(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>("select pg_try_advisory_lock($1) as claimed", [JUDGE_LOCK]);
  return rows[0]!.claimed;
}

/** PODs that are to be judged by now, the longest waiting first. */
export async function readDuePods(client: ClientBase, nowMs: number, limit: number): Promise<string[]> {
  const { rows } = await client.query<{ podId: string }>(
    `select pod_id::text as "podId" from pod where judge_at <= $1 order by judge_at, pod_id limit $2`,
    [new Date(nowMs), limit],
  );
  return rows.map(({ podId }) => podId);
}

/**
 * Looks at fixes committed since the last look, in the order of the feed, and puts every POD that they touch on the list
 * for `judgeAtMs`. True where there is more to look at.
 */
export async function scheduleTouched(client: ClientBase, judgeAtMs: number): Promise<boolean> {
  await client.query("begin");
  try {
    await client.query(
      `insert into judge_cursor (commit_xid, fix_id)
      select pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 0 on conflict do nothing`,
    );
    const { rows } = await client.query<{ scanned: number }>(
      `with place as (select commit_xid, fix_id from judge_cursor for update),
      horizon as (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid),
      scanned as materialized (
        select f.device_id, f.fix_time, f.commit_xid, f.fix_id from fix f
        where (f.commit_xid, f.fix_id) > ((select commit_xid from place), (select fix_id from place))
          and f.commit_xid < (select xid from horizon)
        order by f.commit_xid, f.fix_id limit ${SCANNED_FIXES_MAX}
      ), heard as (
        select device_id, min(fix_time) as from_time, max(fix_time) as to_time from scanned group by device_id
      ), touched as (
        update pod p set judge_at = least(coalesce(p.judge_at, $1), $1)
        where p.pod_id in (
          select w.pod_id from heard h join pod_watch w
          on w.device_id = h.device_id and w.to_time >= h.from_time and w.from_time <= h.to_time
        )
      ), last as (select commit_xid, fix_id from scanned order by commit_xid desc, fix_id desc limit 1),
      moved as (
        update judge_cursor c set commit_xid = l.commit_xid, fix_id = l.fix_id from last l
      )
      select count(*)::integer as scanned from scanned`,
      [new Date(judgeAtMs)],
    );
    await client.query("commit");
    return rows[0]!.scanned === SCANNED_FIXES_MAX;
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

export type PodWatch = { deviceId: number; fromMs: number; toMs: number };

/** A verdict as it is to be stored, if it says anything new. */
export type NewVerdict = {
  podId: string;
  verdict: string;
  ruleVersion: number;
  evaluatedAtMs: number;
  podAtMs: number;
  podTimeCertain: boolean;
  reasons: readonly { readonly code: string }[];
  temperature: object | null;
  explanation: readonly string[];
  map: string;
  watches: readonly PodWatch[];
  /** When to look again although nothing touches it; null: not at all. */
  judgeAtMs: number | null;
  /** The evidence, given what came before it. */
  contentOf: (before: { version: number; sha256: string | null }) => { readonly [name: string]: unknown };
  material: Uint8Array;
};

type PodOfVerdict = { fleetId: number; stopId: string; routeId: string | null };
type EarlierVerdict = { version: number; verdict: string; codes: string[]; eventId: string };

/**
 * Stores a verdict as the next version, with its evidence and its event, in one commit. Where verdict and codes are what
 * they were nothing is added. Gives the version that counts.
 */
export async function saveVerdict(
  client: ClientBase,
  verdict: NewVerdict,
): Promise<{ version: number; added: boolean }> {
  await client.query("begin");
  try {
    const { podId } = verdict;
    const { rows } = await client.query<PodOfVerdict>(
      `update pod set judge_at = $2 where pod_id = $1
      returning fleet_id as "fleetId", stop_id::text as "stopId", route_id::text as "routeId"`,
      [podId, verdict.judgeAtMs === null ? null : new Date(verdict.judgeAtMs)],
    );
    const pod = rows[0]!;
    await replaceWatches(client, podId, verdict.watches);
    const before = await newestVerdict(client, podId);
    const codes = [...new Set(verdict.reasons.map(({ code }) => code))];
    const isSame = before?.verdict === verdict.verdict && String(before.codes.toSorted()) === String(codes.toSorted());
    const version = isSame ? before.version : (before?.version ?? 0) + 1;
    if (!isSame) await addVersion(client, pod, verdict, version, before, codes);
    await client.query("commit");
    return { version, added: !isSame };
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

async function newestVerdict(client: ClientBase, podId: string): Promise<EarlierVerdict | undefined> {
  const { rows } = await client.query<Omit<EarlierVerdict, "eventId">>(
    `select version, verdict, array(select distinct r ->> 'code' from jsonb_array_elements(reasons) r) as codes
    from pod_verdict where pod_id = $1 order by version desc limit 1`,
    [podId],
  );
  return rows.map((row) => ({ ...row, eventId: eventIdOf("pod.verdict", podId, row.version) }))[0];
}

async function replaceWatches(client: ClientBase, podId: string, watches: readonly PodWatch[]): Promise<void> {
  await client.query("delete from pod_watch where pod_id = $1", [podId]);
  await client.query(
    `insert into pod_watch (pod_id, device_id, from_time, to_time)
    select $1, w.* from unnest($2::integer[], $3::timestamptz[], $4::timestamptz[]) as w`,
    [
      podId,
      watches.map(({ deviceId }) => deviceId),
      watches.map(({ fromMs }) => new Date(fromMs)),
      watches.map(({ toMs }) => new Date(toMs)),
    ],
  );
}

async function addVersion(
  client: ClientBase,
  pod: PodOfVerdict,
  verdict: NewVerdict,
  version: number,
  before: EarlierVerdict | undefined,
  codes: readonly string[],
): Promise<void> {
  const { podId, evaluatedAtMs, material } = verdict;
  const appeared = codes.filter((code) => !before?.codes.includes(code));
  const vanished = (before?.codes ?? []).filter((code) => !codes.includes(code));
  await client.query(
    `insert into pod_verdict (pod_id, version, fleet_id, verdict, rule_version, evaluated_at, pod_at, pod_time_certain,
      reasons, temperature, explanation, map, appeared, vanished)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      ...[podId, version, pod.fleetId, verdict.verdict, verdict.ruleVersion],
      ...[new Date(evaluatedAtMs), new Date(verdict.podAtMs), verdict.podTimeCertain, jsonbTextOf(verdict.reasons)],
      verdict.temperature === null ? null : jsonbTextOf(verdict.temperature),
      ...[verdict.explanation, verdict.map, appeared, vanished],
    ],
  );
  const { rows } = await client.query<{ sha256: string }>(
    `select encode(content_sha256, 'hex') as sha256 from evidence where pod_id = $1 and kind = 'verdict'
    order by position desc limit 1`,
    [podId],
  );
  const content = verdict.contentOf({ version, sha256: rows[0]?.sha256 ?? null });
  const ids = { fleetId: pod.fleetId, stopId: pod.stopId, podId, podVersion: version };
  await appendEvidence(client, { ...ids, kind: "verdict", content, material });
  const type = before === undefined ? "pod.verdict" : "pod.verdict.revised";
  await insertEvents(client, [
    {
      ...{ eventId: eventIdOf("pod.verdict", podId, version), fleetId: pod.fleetId, deviceId: null, type },
      ...{ occurredAtMs: evaluatedAtMs, detectedAtMs: evaluatedAtMs, replayed: false },
      ...{ supersedes: before?.eventId ?? null, frameSeq: null },
      data: {
        ...{ podId, stopId: pod.stopId, routeId: pod.routeId, version, verdict: verdict.verdict },
        ...{ previous: before?.verdict ?? null, appeared, vanished, explanation: verdict.explanation },
      },
    },
  ]);
}

/** Others of the same hour that this POD may have made a batch of: they are looked at again. */
export async function scheduleSiblings(client: ClientBase, podId: string, judgeAtMs: number): Promise<void> {
  await client.query(
    `update pod o set judge_at = least(coalesce(o.judge_at, $2), $2) from pod p
    where p.pod_id = $1 and o.pod_id <> p.pod_id and o.fleet_id = p.fleet_id and o.stop_id <> p.stop_id
      and (o.vehicle_id = p.vehicle_id or o.driver_id = p.driver_id)
      and o.received_at between p.received_at - interval '12 hours' and p.received_at + interval '12 hours'
      and abs(extract(epoch from (o.device_time - coalesce(o.sent_at, o.received_at) + o.received_at)
        - (p.device_time - coalesce(p.sent_at, p.received_at) + p.received_at))) < 300`,
    [podId, new Date(judgeAtMs)],
  );
}
