import pg from "pg";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { listen } from "#store/listen.ts";
import { openTestDatabase } from "#store/testing.ts";
import { openPodJudge } from "./pod-judge.ts";

let server: Awaited<ReturnType<typeof openTestDatabase>>;
let client: pg.Client;

beforeAll(async () => {
  server = await openTestDatabase();
  client = new pg.Client({ connectionString: server.url });
  await client.connect();
});

afterAll(async () => {
  await client?.end();
  await server?.close();
});

const WITHIN = { timeout: 50_000, interval: 100 };

test("a proof that comes in while the judge runs is judged, one that breaks it holds up no other, and a second judge waits", async () => {
  const deps = {
    ...{ databaseUrl: server.url, log: pino({ level: "silent" }), now: Date.now },
    listen: (channels: readonly string[], heard: (channel: string) => void) =>
      listen(server.url, Object.fromEntries(channels.map((channel) => [channel, () => heard(channel)]))),
  };
  const judges = [await openPodJudge(deps), await openPodJudge(deps)];
  try {
    const { rows } = await client.query(
      `with s as (insert into stop (fleet_id, lat_deg, lon_deg) values (1, 41.15, -8.61), (1, 'NaN', -8.61) returning stop_id)
      insert into pod (fleet_id, stop_id, content_hash, outcome, device_time, received_at, sealed, judge_at, commit_xid,
        lat_deg, lon_deg, accuracy_m, position_time)
      select 1, stop_id, '', 'delivered', now(), now(), '', now(), 1, 41.15, -8.61, 8, now() from s
      returning pod_id, pg_notify('pods', '')`,
    );
    const podIds = rows.map((row) => row.pod_id);
    const verdictsOf = async () =>
      (await client.query("select pod_id, verdict from pod_verdict where pod_id = any($1)", [podIds])).rows;
    await vi.waitFor(async () => expect((await verdictsOf()).length).toBe(1), WITHIN);
    expect(await verdictsOf()).toEqual([{ pod_id: podIds[0], verdict: "inconclusive" }]);
    // Put off, and not in the way.
    const isPutOff = async () =>
      (
        await client.query("select judge_at > now() + interval '30 s' as put_off from pod where pod_id = $1", [
          podIds[1],
        ])
      ).rows[0].put_off;
    await vi.waitFor(async () => expect(await isPutOff()).toBe(true), WITHIN);
  } finally {
    for (const judge of judges) await judge.close();
  }
});
