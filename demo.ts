import { join } from "node:path";
import { SingleBar } from "cli-progress";
import {
  type Progress,
  SCENARIOS,
  type ScenarioName,
  type SimulationOptions,
  type SimulationTarget,
  type Summary,
  simulate,
} from "#simulator";
import { planLiveDay } from "#simulator/live-day/live-day.ts";
import { openWebhookReceiver, type ReceivedEvent } from "#simulator/live-day/webhook-receiver.ts";
import { loadGothenburg } from "#simulator/roads/network.ts";
import { ensureGothenburgRoads } from "#simulator/roads/road-file.ts";
import { scoreTable } from "#simulator/score/report.ts";
import { createKey, openDatabase, revokeKey } from "#store";
import { VERSION as ROAD_FILE_VERSION } from "#stream/roads/network-file.ts";
import type { Config } from "./config.ts";
import { ROLES } from "./roles.ts";
import { type Service, startUnlessStopped, untilAsked } from "./service.ts";
import { UsageError } from "./usage-error.ts";

/** The `demo` and `simulate` commands: a simulated fleet against this service, or against a running one. */

type Print = (line: string) => void;

const REPORT_EVERY_MS = 5_000;
const DEMO_SEED = 7;
/** Nobody wants to wait long for a demo to end. */
const DEMO_DRAIN_MS = 5_000;
const LOOPBACK = "127.0.0.1";
/** Vans of the fleet that have a delivery day; with fewer vehicles all of them. */
const DEMO_VANS = 4;
const DEMO_STOPS_PER_VAN = 6;

/** The service and a fleet on Gothenburg's streets, watched through the HTTP API, until Ctrl-C or `seconds`. */
export async function runDemo(
  config: Config,
  options: { vehicles: number; seconds?: number },
  print: Print,
): Promise<void> {
  const asked = new AbortController();
  void untilAsked(["SIGINT", "SIGTERM"]).then(() => asked.abort());
  const quiet: Config = { ...config, LOG_LEVEL: config.LOG_LEVEL === "info" ? "warn" : config.LOG_LEVEL };
  const roads = quiet.ROADS ?? (await demoRoads(quiet, print));
  print("Starting PostgreSQL, the gateway, the stream and the API …");
  // The receiver of the demo's webhooks listens on this machine.
  const settings = { ...quiet, ROADS: roads, WEBHOOK_ALLOW_LOOPBACK: true };
  const service = await startUnlessStopped(settings, ROLES, asked.signal);
  if (service === undefined) return;
  try {
    await driveDemo(service, options, asked.signal, print);
  } finally {
    await service.stop();
  }
}

/** The streets that the fleet drives, as a road network file beside the database; made once. */
async function demoRoads({ DATA_DIR }: Config, print: Print): Promise<string> {
  const path = join(DATA_DIR, `gothenburg-v${ROAD_FILE_VERSION}.roads`);
  print(`Road network: ${path} (Gothenburg, © OpenStreetMap contributors, ODbL)`);
  await ensureGothenburgRoads(path);
  return path;
}

async function driveDemo(
  service: Service,
  options: { vehicles: number; seconds?: number },
  signal: AbortSignal,
  print: Print,
): Promise<void> {
  const database = await openDatabase({
    url: service.databaseUrl,
    applicationName: "telematics demo",
    connectionsMax: 1,
  });
  const demoKey = { fleetId: null, name: "demo", scopes: ["admin"], expiresAt: null };
  const { key, secret } = await createKey(database, demoKey);
  const portOf = (name: string) => service.listeners.find((listener) => listener.name === name)?.port;
  const apiUrl = `http://${LOOPBACK}:${portOf("http")}`;
  const receiver = await openWebhookReceiver((event) => print(sayEvent(event)));
  const day = planLiveDay({
    ...{ network: loadGothenburg(), apiUrl, apiKey: secret, seed: DEMO_SEED, now: Date.now },
    ...{ vans: Math.min(DEMO_VANS, options.vehicles), stopsPerVan: DEMO_STOPS_PER_VAN, webhookUrl: receiver.url },
    onStop: ({ id, route, name, url }) => print(`${route} · stop ${id}, ${name} follows it here: ${url}`),
    onDriver: ({ route, name, url }) => print(`${route} · ${name} works on a phone here: ${url}`),
    onWebhook: (webhookSecret) => receiver.trust(webhookSecret),
    onError: (error) => print(`a proof of delivery was not taken: ${String(error)}`),
  });
  try {
    for (const listener of service.listeners) print(`listening ${listener.name} ${listener.host}:${listener.port}`);
    print(`Live map: ${apiUrl}/ (key ${secret})`);
    print(`API documentation: ${apiUrl}/docs`);
    print(`Try: curl -H 'Authorization: Bearer ${secret}' ${apiUrl}/v1/positions`);
    print(`The key is good until the demo ends. ${options.vehicles} vehicles set off; Ctrl-C stops everything.`);
    const watch = openWatch(apiUrl, secret, print);
    const summary = await simulate({
      scenario: "drive",
      target: {
        host: LOOPBACK,
        teltonikaPort: portOf("teltonika tcp"),
        teltonikaUdpPort: portOf("teltonika udp"),
        transport: "mixed",
        queclinkPort: portOf("queclink tcp"),
        queclinkUdpPort: portOf("queclink udp"),
        gt06Port: portOf("gt06 tcp"),
        mqttPort: portOf("mqtt"),
        osmandPort: portOf("osmand http"),
        owntracksHttpPort: portOf("osmand http"),
      },
      vehicles: options.vehicles,
      ...(options.seconds === undefined ? {} : { seconds: options.seconds }),
      signal,
      seed: DEMO_SEED,
      drainMs: DEMO_DRAIN_MS,
      apiUrl,
      apiKey: secret,
      onProgress: watch,
      errandsOf: day.errandsOf,
      beforeStart: day.prepare,
    });
    print(JSON.stringify(summary));
  } finally {
    await day.close();
    await receiver.close();
    await revokeKey(database, null, key.keyId);
    await database.close();
  }
}

/** One line for an event that the demo's receiver has verified. */
function sayEvent({ type, data }: ReceivedEvent): string {
  const about = data.stopId === undefined ? `route ${data.routeId}` : `stop ${data.stopId}`;
  const words = ["verdict", "reason", "outcome"].flatMap((name) =>
    typeof data[name] === "string" ? [data[name]] : [],
  );
  return `webhook, signature verified: ${[type, about, ...words].join(" · ")}`;
}

type Position = { protocol: string; freshness: { state: string; fixAgeS: number } };

/** Prints now and then what the API says about the fleet. */
function openWatch(apiUrl: string, apiKey: string, print: Print): (progress: Progress) => void {
  let reportedAtMs = 0;
  const report = async (progress: Progress) => {
    const response = await fetch(`${apiUrl}/v1/positions?limit=1000`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    const { data } = (await response.json()) as { data: Position[] };
    const live = data.filter(({ freshness }) => freshness.state === "live").length;
    const newestS = Math.min(...data.map(({ freshness }) => freshness.fixAgeS));
    const newest = data.length > 0 ? `, newest fix ${newestS.toFixed(1)} s old` : "";
    print(
      `${progress.elapsedS.toFixed(0).padStart(4)} s · ${data.length} devices visible (${countsOf(data)}), ${live} live${newest} · ` +
        `${progress.made} records made, ${progress.acknowledged} acknowledged`,
    );
  };
  return (progress) => {
    const nowMs = performance.now();
    if (nowMs - reportedAtMs < REPORT_EVERY_MS) return;
    reportedAtMs = nowMs;
    report(progress).catch((error: unknown) => print(`the API did not answer: ${String(error)}`));
  };
}

/** How many devices of each protocol: `gt06 3, teltonika 5`. */
function countsOf(positions: readonly Position[]): string {
  const byProtocol = Object.entries(Object.groupBy(positions, ({ protocol }) => protocol));
  const counts = byProtocol.map(([protocol, found]) => `${protocol} ${found?.length ?? 0}`);
  return counts.sort().join(", ") || "none";
}

export type SimulateCommand = {
  target: string;
  /** Protocols of the fleet, separated by commas. */
  protocol: string;
  teltonikaPort: number;
  queclinkPort: number;
  gt06Port: number;
  mqttPort: number;
  osmandPort: number;
  udp?: boolean;
  vehicles: number;
  seconds: number;
  recordsPerSecond?: number;
  recordsPerPacket: number;
  seed: number;
  drainSeconds: number;
  apiUrl?: string;
  apiKey?: string;
  score?: boolean;
  json?: boolean;
};

/**
 * The `simulate` command: progress on a terminal, one JSON summary at the end. It fails when something made was not
 * acknowledged, or something acknowledged is not in the store.
 */
export async function runSimulation(
  scenario: string,
  command: SimulateCommand,
  print: Print,
  complain: Print,
): Promise<void> {
  if (!isScenario(scenario)) throw new UsageError(`unknown scenario ${scenario}; known: ${SCENARIOS.join(", ")}`);
  const { seconds, vehicles, recordsPerPacket, seed, recordsPerSecond, apiUrl, apiKey } = command;
  const target = targetOf(command);
  const asked = new AbortController();
  void untilAsked(["SIGINT", "SIGTERM"]).then(() => asked.abort());
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: "{bar} {value}/{total} s · {acknowledged}/{made} acknowledged" })
    : null;
  bar?.start(seconds, 0, { made: 0, acknowledged: 0 });
  const options: SimulationOptions = {
    scenario,
    target,
    seconds,
    vehicles,
    recordsPerPacket,
    seed,
    drainMs: command.drainSeconds * 1_000,
    ...(recordsPerSecond === undefined ? {} : { recordsPerSecond }),
    ...(apiUrl === undefined ? {} : { apiUrl }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(command.score === true ? { score: true } : {}),
    signal: asked.signal,
    onProgress: ({ elapsedS, made, acknowledged }) => bar?.update(Math.round(elapsedS), { made, acknowledged }),
  };
  if (command.score === true && (apiUrl === undefined || apiKey === undefined))
    throw new UsageError("--score needs --api-url and --api-key");
  const summary = await simulate(options).finally(() => bar?.stop());
  if (summary.score !== null && command.json !== true)
    print(scoreTable([{ name: `${scenario}, ${summary.elapsedS.toFixed(0)} s`, score: summary.score }]));
  print(JSON.stringify(summary));
  const failures = failuresOf(summary, command.target);
  for (const failure of failures) complain(failure);
  if (failures.length > 0) process.exitCode = 1;
}

function failuresOf({ made, acknowledged, check }: Summary, target: string): string[] {
  const failures: string[] = [];
  if (made === 0) failures.push("no record was made: nothing is proved");
  else if (acknowledged === 0) failures.push(`none of ${made} records was acknowledged: does ${target} listen there?`);
  else if (acknowledged < made) failures.push(`${made - acknowledged} of ${made} records were not acknowledged`);
  if (check && !check.ok) failures.push("the store does not hold what was acknowledged: see `check` in the summary");
  return failures;
}

/** The ports of the protocols that were asked for. */
function targetOf(command: SimulateCommand): SimulationTarget {
  const ports: { readonly [protocol: string]: Partial<SimulationTarget> } = {
    teltonika: { teltonikaPort: command.teltonikaPort, transport: command.udp ? "udp" : "tcp" },
    queclink: { queclinkPort: command.queclinkPort },
    gt06: { gt06Port: command.gt06Port },
    owntracks: { mqttPort: command.mqttPort },
    osmand: { osmandPort: command.osmandPort },
  };
  const names = command.protocol.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !Object.hasOwn(ports, name));
  if (unknown.length > 0) {
    throw new UsageError(`--protocol: unknown ${unknown.join(", ")}; known: ${Object.keys(ports).join(", ")}`);
  }
  return Object.assign({ host: command.target }, ...names.map((name) => ports[name])) as SimulationTarget;
}

function isScenario(name: string): name is ScenarioName {
  return (SCENARIOS as readonly string[]).includes(name);
}
