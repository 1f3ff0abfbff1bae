import { setTimeout as sleep } from "node:timers/promises";
import { type Progress, type SimulationOptions, type Summary, startSimulation } from "../index.ts";
import { between, pick, type Random, seededRandom } from "../random.ts";
import { openServiceApi } from "../service-api.ts";
import { type KillableService, startKillableService } from "./service.ts";

/**
 * What can happen to the service. gateway, stream, api, database: SIGKILL at a random moment. outage: the database is stopped
 * for `outageMs`. blackout: the same, and the gateway is killed while it waits for the database.
 */
export const VICTIMS = ["gateway", "stream", "api", "database", "outage", "blackout"] as const;
export type Victim = (typeof VICTIMS)[number];

export type KillOptions = {
  kills: number;
  /** Who is killed, each in turn. */
  victims?: readonly Victim[];
  seed: number;
  /** How long an outage of the database lasts, milliseconds. */
  outageMs: number;
  /** Driving between a recovery and the next kill, milliseconds. */
  pauseMs: { min: number; max: number };
  /** Longest wait, at the end, for acknowledged records to appear in the store, milliseconds. */
  checkPatienceMs?: number;
  /** Folder of the program to run, and an empty folder for its database. */
  checkout: string;
  dataDir: string;
  /** Road network file, so that fixes are matched and become trips meanwhile. */
  roads?: string;
  /** The load, on devices of every protocol unless a target of its own is given. */
  load: Pick<SimulationOptions, "vehicles" | "recordsPerSecond" | "recordsPerPacket"> & Partial<SimulationOptions>;
  onProgress?(progress: Progress & { kills: number }): void;
};

export type KillResult = {
  /** Every acknowledged record stored exactly once, and no role ended by itself. */
  ok: boolean;
  kills: { victim: Victim; atS: number; recoveredAfterS: number }[];
  /** Roles that ended although nobody killed them, with their last lines. */
  crashes: readonly string[];
  summary: Summary;
};

/** Impatient devices, so that a short run meets resends, reconnects and takeovers. */
const BEHAVIOUR = {
  responseTimeoutMs: 2_500,
  backoffMs: [100, 300, 600, 1_000],
  sendAfterMs: 400,
  heartbeatMs: 2_000,
};
const RESTART_AFTER_MAX_MS = 600;
/** New acknowledgements that show that the service is back. */
const RECOVERED_RECORDS = 20;
const RECOVERY_MS_MAX = 180_000;
const POLL_MS = 50;
const DRAIN_MS = 180_000;
const CHECK_PATIENCE_MS = 120_000;

/** Drives devices against the real service, kills its parts at random moments, and checks what was promised. */
export async function runKillScenario(options: KillOptions): Promise<KillResult> {
  const service = await startKillableService(options);
  try {
    return await killUnderLoad(service, options);
  } finally {
    await service.close();
  }
}

async function killUnderLoad(service: KillableService, options: KillOptions): Promise<KillResult> {
  const { seed, pauseMs, load, checkPatienceMs = CHECK_PATIENCE_MS } = options;
  const { apiUrl, apiKey } = service;
  const random = seededRandom(seed, "kills");
  const simulation = await startSimulation({
    scenario: "adversity",
    seed,
    target: service.target,
    behaviour: BEHAVIOUR,
    offline: { perMinute: 1, minMs: 300, maxMs: 3_000 },
    drainMs: DRAIN_MS,
    ...load,
    apiUrl,
    apiKey,
  });
  const kills: KillResult["kills"] = [];
  const acknowledged = (): number => simulation.progress().acknowledged;
  const ticker = setInterval(() => options.onProgress?.({ ...simulation.progress(), kills: kills.length }), 1_000);
  try {
    await recovered(acknowledged, "the start");
    for (const victim of planVictims(options.kills, options.victims ?? VICTIMS, random)) {
      await sleep(between(random, pauseMs.min, pauseMs.max));
      const atS = simulation.progress().elapsedS;
      await strike(service, victim, options.outageMs, random);
      await service.ready();
      await recovered(acknowledged, victim);
      kills.push({ victim, atS, recoveredAfterS: simulation.progress().elapsedS - atS });
    }
    simulation.stop();
    await simulation.drained;
    const check = await simulation.check(openServiceApi(apiUrl, apiKey).readFixes, checkPatienceMs);
    const crashes = service.crashes();
    return { ok: check.ok && crashes.length === 0, kills, crashes, summary: simulation.summary(check) };
  } finally {
    clearInterval(ticker);
    simulation.close();
  }
}

/** Every victim in turn, in a random order each time round. */
function planVictims(count: number, victims: readonly Victim[], random: Random): Victim[] {
  const plan: Victim[] = [];
  while (plan.length < count) {
    const round = [...victims];
    while (round.length > 0) plan.push(...round.splice(pick(random, round.length), 1));
  }
  return plan.slice(0, count);
}

async function strike(service: KillableService, victim: Victim, outageMs: number, random: Random): Promise<void> {
  const restartAfterMs = random() * RESTART_AFTER_MAX_MS;
  switch (victim) {
    case "gateway":
    case "stream":
    case "api":
      service.roles[victim].kill(restartAfterMs);
      await sleep(restartAfterMs);
      return;
    case "database":
      service.killDatabase();
      return;
    case "outage":
    case "blackout": {
      const stopped = service.stopDatabase();
      const killAtMs = outageMs * random();
      await sleep(killAtMs);
      if (victim === "blackout") service.roles.gateway.kill(restartAfterMs);
      await sleep(outageMs - killAtMs);
      await stopped;
      await service.startDatabase();
    }
  }
}

/** Waits until acknowledgements flow again. */
async function recovered(acknowledged: () => number, from: string): Promise<void> {
  const enough = acknowledged() + RECOVERED_RECORDS;
  for (let waitedMs = 0; acknowledged() < enough; waitedMs += POLL_MS) {
    if (waitedMs > RECOVERY_MS_MAX)
      throw new Error(`nothing was acknowledged for ${RECOVERY_MS_MAX} ms after: ${from}`);
    await sleep(POLL_MS);
  }
}
