import { type CheckResult, checkLedger, type FixSource } from "./check.ts";
import type { Behaviour, DeviceProtocol, LinkCounters } from "./device.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { loadGothenburg } from "./roads/network.ts";
import { planScenario, type ScenarioName, type SimulationOptions, type SimulationTarget } from "./scenario.ts";
import type { Score } from "./score/score.ts";
import { createScoreRun, type ScoreRun } from "./score/score-run.ts";
import { openServiceApi } from "./service-api.ts";

/** How far a run has come; what `onProgress` gets, once a second. */
export type Progress = {
  elapsedS: number;
  made: number;
  acknowledged: number;
  busyDevices: number;
  counters: LinkCounters & { overwritten: number };
};

/** What a run was and did; printed as one JSON object at its end. */
export type Summary = {
  scenario: ScenarioName;
  seed: number;
  run: number;
  vehicles: number;
  elapsedS: number;
  made: number;
  acknowledged: number;
  acknowledgedPerSecond: number;
  ackLatencyMs: { p50: number; p99: number; max: number };
  counters: LinkCounters & { overwritten: number };
  /** Null where nothing was given to read the store with. */
  check: CheckResult | null;
  /** Null unless it was asked for. */
  score: Score | null;
};

/** A simulation under way. */
export type Simulation = {
  readonly ledger: Ledger;
  readonly fleet: Fleet;
  progress(): Progress;
  /** Resolves when the time is over or `stop` was called, everything made is acknowledged (or nobody answers any more). */
  readonly drained: Promise<void>;
  /** Stops driving; what waits is still delivered. */
  stop(): void;
  /** Compares the store with what was acknowledged, again and again until it holds or `patienceMs` is over. */
  check(source: FixSource, patienceMs: number): Promise<CheckResult>;
  summary(check: CheckResult | null, score?: Score | null): Summary;
  close(): void;
};

const PROGRESS_EVERY_MS = 1_000;
const DRAIN_POLL_MS = 100;
const CHECK_AGAIN_MS = 500;
const CHECK_PATIENCE_MS = 30_000;

/** Runs a scenario from registration to the final check. Resolves when it is over; `signal` ends the driving early. */
export async function simulate(options: SimulationOptions): Promise<Summary> {
  const scoring = openScoring(options);
  const simulation = await startSimulation(scoring === undefined ? options : scoredOptions(options, scoring));
  const ticker = setInterval(() => options.onProgress?.(simulation.progress()), PROGRESS_EVERY_MS);
  try {
    await simulation.drained;
    const { apiUrl, apiKey } = options;
    const source = options.fixSource ?? (apiUrl && apiKey ? openServiceApi(apiUrl, apiKey).readFixes : null);
    const check = source ? await simulation.check(source, options.checkPatienceMs ?? CHECK_PATIENCE_MS) : null;
    options.onProgress?.(simulation.progress());
    const score = scoring === undefined ? null : await scoring.score(simulation.fleet, simulation.ledger);
    return simulation.summary(check, score);
  } finally {
    clearInterval(ticker);
    simulation.close();
    await scoring?.close();
  }
}

function openScoring({ score, apiUrl, apiKey, seed, now = Date.now }: SimulationOptions): ScoreRun | undefined {
  if (score !== true) return undefined;
  if (apiUrl === undefined || apiKey === undefined) throw new RangeError("a score needs the API's address and a key");
  return createScoreRun({ apiUrl, apiKey, network: loadGothenburg(), seed, now });
}

function scoredOptions(options: SimulationOptions, scoring: ScoreRun): SimulationOptions {
  return {
    ...options,
    onObserved: scoring.observe,
    beforeStart: async (devices) => {
      await scoring.prepare();
      await options.beforeStart?.(devices);
    },
  };
}

/** Registers the devices where an API is given, and starts to drive. */
export async function startSimulation(options: SimulationOptions): Promise<Simulation> {
  const now = options.now ?? Date.now;
  const plan = planScenario(options);
  const ledger = createLedger(Math.floor(now() / 1_000));
  const { apiUrl, apiKey, signal, errandsOf } = options;
  const fleet = createFleet({
    ...{ ...plan.fleet, network: loadGothenburg(), seed: options.seed, ledger, now },
    ...(errandsOf === undefined ? {} : { errandsOf }),
    ...(options.onObserved === undefined ? {} : { onObserved: options.onObserved }),
  });
  if (apiUrl && apiKey) await openServiceApi(apiUrl, apiKey).register(fleet.devices);
  await options.beforeStart?.(fleet.devices);
  const startMs = now();
  let driving = true;
  const { promise: drained, resolve } = Promise.withResolvers<void>();
  const stopTimer = options.seconds === undefined ? undefined : setTimeout(stop, options.seconds * 1_000);
  let drainTimer: NodeJS.Timeout | undefined;
  signal?.addEventListener("abort", stop, { once: true });
  fleet.start();
  if (signal?.aborted) stop();

  function stop(): void {
    if (!driving) return;
    driving = false;
    clearTimeout(stopTimer);
    fleet.stopDriving();
    const givenUpMs = now() + plan.drainMs;
    drainTimer = setInterval(() => {
      if (fleet.busyDevices > 0 && now() < givenUpMs) return;
      clearInterval(drainTimer);
      // Who is not done falls silent: what is acknowledged while the store is read would be missed in it.
      if (fleet.busyDevices > 0) fleet.close();
      resolve();
    }, DRAIN_POLL_MS);
  }

  async function check(source: FixSource, patienceMs: number): Promise<CheckResult> {
    const untilMs = now() + patienceMs;
    const protocolOf = new Map<string, DeviceProtocol>(fleet.devices.map(({ uid, protocol }) => [uid, protocol]));
    for (;;) {
      const result = await checkLedger(ledger, (uid) => protocolOf.get(uid)!, source);
      // Only what is missing can still come; a double or a damaged record stays one.
      if (result.lost === 0 || now() > untilMs) return result;
      await new Promise((again) => setTimeout(again, CHECK_AGAIN_MS));
    }
  }

  function progress(): Progress {
    let made = 0;
    let acknowledged = 0;
    for (const device of ledger.devices.values()) {
      made += device.timesMs.length;
      acknowledged += device.acknowledgedCount;
    }
    const elapsedS = (now() - startMs) / 1_000;
    return { elapsedS, made, acknowledged, busyDevices: fleet.busyDevices, counters: fleet.counters() };
  }

  function summary(result: CheckResult | null, score: Score | null = null): Summary {
    const { elapsedS, made, acknowledged, counters } = progress();
    const { latency } = fleet;
    return {
      scenario: options.scenario,
      seed: options.seed,
      run: ledger.run,
      vehicles: fleet.devices.length,
      elapsedS,
      made,
      acknowledged,
      acknowledgedPerSecond: elapsedS > 0 ? acknowledged / elapsedS : 0,
      ackLatencyMs: { p50: latency.quantileMs(0.5), p99: latency.quantileMs(0.99), max: latency.maxMs },
      counters,
      ...{ check: result, score },
    };
  }

  function close(): void {
    clearTimeout(stopTimer);
    clearInterval(drainTimer);
    signal?.removeEventListener("abort", stop);
    fleet.close();
    resolve();
  }

  return { ledger, fleet, progress, drained, stop, check, summary, close };
}

export { SCENARIOS, type ScenarioName } from "./scenario.ts";
export type { Behaviour, CheckResult, FixSource, SimulationOptions, SimulationTarget };
