import { fork } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { median, printGoal, printTable } from "./measure.ts";
import { type MeasuredService, openMeasuredService } from "./measured-service.ts";
import { openMosquitto, openPlainAedes } from "./mqtt-brokers.ts";
import type { LoadAnswer, LoadCommand } from "./mqtt-load.ts";
import { quietRounds } from "./quiet-rounds.ts";

/**
 * Acknowledged QoS 1 publishes per second: the gateway role, where an acknowledged publish is committed to PostgreSQL,
 * beside the same broker library and Mosquitto, which keep nothing and do nothing else either; and the whole service,
 * which decodes, folds and stores the fixes on the same cores meanwhile. The brokers take turns with the same phones,
 * several rounds; what is said is the median of the rounds' ratios.
 */

const SCENARIOS = [
  { name: "1,000 clients, 1 in flight each", clients: 1_000, inFlight: 1, aedesGoal: 0.8, mosquittoGoal: 0.5 },
  { name: "50 clients, 8 in flight each", clients: 50, inFlight: 8, aedesGoal: 0.8, mosquittoGoal: 0.85 },
] as const;
const ROUNDS = 5;
const SECONDS = 3;
const WARM_UP_SECONDS = 1.5;
const CATCH_UP_POLL_MS = 50;

const OURS = "ours, gateway role: committed, then acknowledged";
const WHOLE = "ours, whole service: and folded into fixes meanwhile";
const AEDES = "plain aedes: nothing kept";
const MOSQUITTO = "Mosquitto: nothing kept";

type Pumped = Extract<LoadAnswer, { kind: "pumped" }>;

async function ask(command: LoadCommand): Promise<LoadAnswer> {
  const answered = once(load, "message", { signal: loadGone.signal });
  load.send(command);
  const [answer] = await answered;
  return answer;
}

async function pump(name: string, seconds: number): Promise<Pumped> {
  const answer = await ask({ kind: "pump", name, seconds });
  if (answer.kind !== "pumped") throw new Error(`asked to pump, ${answer.kind}`);
  const own = services.get(name);
  if (own !== undefined) own.acknowledged += answer.acks;
  return answer;
}

/** Decoding and folding of what was acknowledged would otherwise run into the other brokers' turn. */
async function caughtUp({ client }: Ours): Promise<void> {
  for (;;) {
    const { rows } = await client.query("select not exists (select from unfolded_frame) as done");
    if (rows[0].done) return;
    await sleep(CATCH_UP_POLL_MS);
  }
}

async function storedFrames({ client }: Ours): Promise<number> {
  return Number(
    (await client.query("select count(*) as n from frame where transport = 'mqtt' and kind = 'frame'")).rows[0].n,
  );
}

type Ours = { service: MeasuredService; client: pg.Client; acknowledged: number };

async function openOurs(roles: readonly string[]): Promise<Ours> {
  const service = await openMeasuredService({}, roles);
  const client = new pg.Client(service.databaseUrl);
  await client.connect();
  return { service, client, acknowledged: 0 };
}

const mosquitto = await openMosquitto();
if (mosquitto === undefined) console.log("Mosquitto is not installed: it is left out.");
const aedes = await openPlainAedes();
const whole = await openOurs(["gateway", "stream", "api"]);
const services = new Map([
  [OURS, await openOurs(["gateway"])],
  [WHOLE, whole],
]);
const load = fork(new URL("mqtt-load.ts", import.meta.url).pathname);
const loadGone = new AbortController();
load.once("exit", () => loadGone.abort(new Error("the load process ended: a broker closed a connection")));
const ports = new Map([[AEDES, aedes.port]]);
if (mosquitto !== undefined) ports.set(MOSQUITTO, mosquitto.port);
for (const [name, { service }] of services) ports.set(name, service.mqttPort);

/** What each broker did in one round. */
type Round = ReadonlyMap<string, Pumped>;

async function measure({ clients, inFlight }: (typeof SCENARIOS)[number]): Promise<Round[]> {
  for (const [name, port] of ports) {
    await ask({ kind: "open", phones: { name, port, clients, inFlight } });
    await pump(name, WARM_UP_SECONDS);
  }
  const rounds = await quietRounds(ROUNDS, async () => {
    const round = new Map<string, Pumped>();
    for (const name of ports.keys()) {
      await caughtUp(whole);
      round.set(name, await pump(name, SECONDS));
    }
    return round;
  });
  for (const name of ports.keys()) await ask({ kind: "close", name });
  return rounds;
}

for (const scenario of SCENARIOS) {
  const rounds = await measure(scenario);
  const medianOf = (value: (round: Round) => number) => median(rounds.map(value));
  const ratioTo = (name: string) => medianOf((round) => round.get(OURS)!.acksPerS / round.get(name)!.acksPerS);
  printTable(
    `QoS 1, ${scenario.name}: median of ${ROUNDS} rounds of ${SECONDS} s`,
    [...ports.keys()].map((name) => ({
      broker: name,
      "acks/s": medianOf((round) => round.get(name)!.acksPerS),
      "ours is ×": ratioTo(name),
      "cores the load client used": medianOf((round) => round.get(name)!.cpuShare),
    })),
  );
  const goals = [
    [AEDES, scenario.aedesGoal],
    [MOSQUITTO, scenario.mosquittoGoal],
  ] as const;
  for (const [name, goal] of goals.filter(([broker]) => ports.has(broker))) {
    const ratio = ratioTo(name);
    printGoal(`stored acks/s at least ${goal} of ${name.split(":")[0]} (${scenario.name})`, ratio, ratio >= goal);
  }
}
load.disconnect();
for (const [name, ours] of services) {
  const stored = await storedFrames(ours);
  console.log(`\n${name}: ${stored} publishes stored of ${ours.acknowledged} acknowledged.`);
  if (stored !== ours.acknowledged) throw new Error("what is stored is not what was acknowledged");
  await ours.client.end();
  await ours.service.close();
}
console.log(`Load average of the machine: ${loadavg()[0]!.toFixed(1)}.`);
await Promise.all([aedes.close(), mosquitto?.close()]);
