import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { storeTrackedRoute, type TrackedRoute } from "#api/tracking/tracking-fixture.ts";
import { type Database, openDatabase } from "#store";
import { median, printGoal, printTable } from "./measure.ts";
import { type MeasuredService, openMeasuredService } from "./measured-service.ts";

/**
 * People who watch tracking links live while their routes move: the time from the commit of a change to the update at the
 * viewer, over the whole service with its database. `VIEWERS` and `SECONDS` change the size.
 */

const VIEWERS = Number(process.env.VIEWERS ?? 2_000);
const SECONDS = Number(process.env.SECONDS ?? 30);
const STOPS_PER_ROUTE = 20;
/** How often each route changes: a tracker's position, and with it the ETAs of its stops. */
const CHANGE_EVERY_MS = 5_000;
const DELAY_MS_MAX = 2_000;
/** How long updates are waited for after the last change: a late one counts as late, not as none. */
const LATE_MS_MAX = 20_000;
/** Links are made, and viewers connect, so many at a time. */
const AT_ONCE = 50;

type Watched = { route: TrackedRoute; tokens: string[] };

const service = await openMeasuredService();
const database = await openDatabase({ url: service.databaseUrl, applicationName: "bench", connectionsMax: 8 });
const committedAtMs = new Map<string, number>();
const delaysMs: number[] = [];
const waiting: { toldAt: string; atMs: number }[] = [];
try {
  const watched = await makeLinks(Math.ceil(VIEWERS / STOPS_PER_ROUTE));
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const tokens = watched.flatMap((each) => each.tokens).slice(0, VIEWERS);
  const beganMs = performance.now();
  for (let from = 0; from < tokens.length; from += AT_ONCE) {
    await Promise.all(tokens.slice(from, from + AT_ONCE).map((token) => watch(token, agent)));
  }
  const connectS = (performance.now() - beganMs) / 1000;
  const cpuBefore = await apiCpuS();
  const changes = await change(watched.map(({ route }) => route));
  const expected = changes * STOPS_PER_ROUTE;
  for (let waitedMs = 0; heard() < expected && waitedMs < LATE_MS_MAX; waitedMs += 100) await sleep(100);
  const cpuS = (await apiCpuS()) - cpuBefore;
  agent.destroy();

  for (const { toldAt, atMs } of waiting) {
    const committed = committedAtMs.get(toldAt);
    // A viewer may hear of a commit before the one who made it does.
    if (committed !== undefined) delaysMs.push(Math.max(0, atMs - committed));
  }
  const sorted = delaysMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  printTable(
    `${tokens.length} people watch tracking links, ${watched.length} routes change every ${CHANGE_EVERY_MS / 1000} s`,
    [
      {
        "connected in s": connectS,
        "route changes": changes,
        updates: sorted.length,
        "of expected": sorted.length / expected,
        "p50 ms": median(sorted),
        "p99 ms": at(0.99),
        "max ms": at(1),
        "CPU of the api, cores": cpuS / SECONDS,
      },
    ],
  );
  printGoal(`p99 from commit to update at most ${DELAY_MS_MAX} ms`, at(0.99), at(0.99) <= DELAY_MS_MAX);
} finally {
  await database.close();
  await service.close();
}

/** Updates so far that a change of ours made, not the first states. */
function heard(): number {
  return waiting.filter(({ toldAt }) => committedAtMs.has(toldAt)).length;
}

async function makeLinks(routes: number): Promise<Watched[]> {
  const watched: Watched[] = [];
  for (let index = 0; index < routes; index++) {
    const place = { latDeg: 41.15 + (index % 10) * 0.01, lonDeg: -8.61 + Math.floor(index / 10) * 0.01 };
    const route = await storeTrackedRoute(database, Date.now(), { stops: STOPS_PER_ROUTE, place });
    watched.push({ route, tokens: await Promise.all(route.stopIds.map((stopId) => makeLink(service, stopId))) });
  }
  return watched;
}

async function makeLink({ httpPort, apiKey }: MeasuredService, stopId: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/v1/stops/${stopId}/links`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: "{}",
  });
  if (answer.status !== 201) throw new Error(`a link was answered with ${answer.status}: ${await answer.text()}`);
  return ((await answer.json()) as { token: string }).token;
}

/** Resolves with the first state; every later one is noted with the time at which it came. */
function watch(token: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `/v1/track/${token}/stream`;
    const request = get({ host: "127.0.0.1", port: service.httpPort, path, agent }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`a stream was answered with ${response.statusCode}`));
      let rest = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        const atMs = Date.now();
        const messages = (rest + text).split("\n\n");
        rest = messages.pop() ?? "";
        for (const message of messages) {
          const toldAt = /"toldAt":"([^"]+)"/.exec(message)?.[1];
          if (toldAt === undefined) continue;
          resolve();
          waiting.push({ toldAt, atMs });
        }
      });
      response.on("error", () => undefined);
    });
    request.on("error", reject);
  });
}

/** Changes each route in its turn, evenly over time, for as long as the measurement lasts; gives how often. */
async function change(routes: readonly TrackedRoute[]): Promise<number> {
  const beganMs = performance.now();
  let changes = 0;
  while (performance.now() - beganMs < SECONDS * 1000) {
    const route = routes[changes % routes.length]!;
    const dueMs = (changes / routes.length) * CHANGE_EVERY_MS;
    await sleep(Math.max(0, dueMs - (performance.now() - beganMs)));
    changes++;
    await changeRoute(database, route, changes);
  }
  return changes;
}

/** One commit as the stream makes it: a position, the ETAs of all stops, and word of it. `told_at` names the change. */
async function changeRoute({ pool }: Database, { vehicleId, routeId }: TrackedRoute, change: number): Promise<void> {
  const client = await pool.connect();
  const toldAt = new Date(Math.floor(Date.now() / 1000) * 1000 - 86_400_000 + change);
  try {
    await client.query("begin");
    await client.query(
      "update vehicle_state set lat_deg = lat_deg + 0.00001, fix_time = now(), received_at = now() where vehicle_id = $1",
      [vehicleId],
    );
    await client.query(
      `update stop_state set told_at = $2, told_p10 = told_p10 + interval '1 s', told_p50 = told_p50 + interval '1 s',
       told_p90 = told_p90 + interval '1 s' where route_id = $1`,
      [routeId, toldAt],
    );
    await client.query("select pg_notify('fixes', '')");
    await client.query("commit");
    committedAtMs.set(toldAt.toISOString(), Date.now());
  } finally {
    client.release();
  }
}

async function apiCpuS(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${service.httpPort}/metrics`)).text();
  return Number(/^process_cpu_seconds_total\{role="api"\} (\S+)/m.exec(text)?.[1] ?? Number.NaN);
}
