import { SingleBar } from "cli-progress";
import { type Progress, SCENARIOS, type ScenarioName, type SimulationOptions, simulate } from "#simulator";
import { createKey, openDatabase, revokeKey } from "#store";
import type { Config } from "./config.ts";
import { ROLES } from "./roles.ts";
import { type Service, startService, untilAsked } from "./service.ts";
import { UsageError } from "./usage-error.ts";

/** The `demo` and `simulate` commands: a simulated fleet against this service, or against a running one. */

type Print = (line: string) => void;

const REPORT_EVERY_MS = 5_000;
const DEMO_SEED = 7;

/** The service and a fleet on Gothenburg's streets, watched through the HTTP API, until Ctrl-C or `seconds`. */
export async function runDemo(
  config: Config,
  options: { vehicles: number; seconds?: number },
  print: Print,
): Promise<void> {
  const asked = new AbortController();
  void untilAsked(["SIGINT", "SIGTERM"]).then(() => asked.abort());
  const quiet: Config = { ...config, LOG_LEVEL: config.LOG_LEVEL === "info" ? "warn" : config.LOG_LEVEL };
  print("Starting PostgreSQL, the gateway, the stream and the API …");
  const service = await startService(quiet, ROLES);
  try {
    await driveDemo(service, options, asked.signal, print);
  } finally {
    await service.stop();
  }
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
  const portOf = (name: string) => service.listeners.find((listener) => listener.name === name)?.port ?? 0;
  const apiUrl = `http://127.0.0.1:${portOf("http")}`;
  try {
    for (const listener of service.listeners) print(`listening ${listener.name} ${listener.host}:${listener.port}`);
    print(`API documentation: ${apiUrl}/docs`);
    print(`Try: curl -H 'Authorization: Bearer ${secret}' ${apiUrl}/v1/positions`);
    print(`The key is good until the demo ends. ${options.vehicles} vehicles set off; Ctrl-C stops everything.`);
    const watch = openWatch(apiUrl, secret, print);
    const summary = await simulate({
      scenario: "drive",
      target: { host: "127.0.0.1", teltonikaPort: portOf("teltonika tcp"), transport: "mixed" },
      vehicles: options.vehicles,
      ...(options.seconds === undefined ? {} : { seconds: options.seconds }),
      signal,
      seed: DEMO_SEED,
      apiUrl,
      apiKey: secret,
      onProgress: watch,
    });
    print(JSON.stringify(summary));
  } finally {
    await revokeKey(database, null, key.keyId);
    await database.close();
  }
}

type Position = { freshness: { state: string; fixAgeS: number } };

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
    print(
      `${progress.elapsedS.toFixed(0).padStart(4)} s · ${data.length} vehicles visible, ${live} live, newest fix ${newestS.toFixed(1)} s old · ` +
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

export type SimulateCommand = {
  target: string;
  teltonikaPort: number;
  udp?: boolean;
  vehicles: number;
  seconds: number;
  recordsPerSecond?: number;
  recordsPerPacket: number;
  seed: number;
  apiUrl?: string;
  apiKey?: string;
};

/** The `simulate` command: progress on a terminal, one JSON summary at the end. */
export async function runSimulation(scenario: string, command: SimulateCommand, print: Print): Promise<void> {
  if (!isScenario(scenario)) throw new UsageError(`unknown scenario ${scenario}; known: ${SCENARIOS.join(", ")}`);
  const { target, teltonikaPort, udp, ...rest } = command;
  const asked = new AbortController();
  void untilAsked(["SIGINT", "SIGTERM"]).then(() => asked.abort());
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: "{bar} {value}/{total} s · {acknowledged}/{made} acknowledged" })
    : null;
  bar?.start(command.seconds, 0, { made: 0, acknowledged: 0 });
  const options: SimulationOptions = {
    ...rest,
    scenario,
    target: { host: target, teltonikaPort, transport: udp ? "udp" : "tcp" },
    signal: asked.signal,
    onProgress: ({ elapsedS, made, acknowledged }) => bar?.update(Math.round(elapsedS), { made, acknowledged }),
  };
  const summary = await simulate(options).finally(() => bar?.stop());
  print(JSON.stringify(summary));
  if (summary.check && summary.check.lost + summary.check.doubled > 0) process.exitCode = 1;
}

function isScenario(name: string): name is ScenarioName {
  return (SCENARIOS as readonly string[]).includes(name);
}
