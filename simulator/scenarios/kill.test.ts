import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ensureGothenburgRoads } from "../roads/road-file.ts";
import { type KillResult, runKillScenario, VICTIMS } from "./kill.ts";

const TEST_MS_MAX = 600_000;
const checkout = fileURLToPath(new URL("../../", import.meta.url));

describe("the promise: an acknowledged record is a stored record", () => {
  let dataDir: string;
  let result: KillResult;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "telematics-kill-"));
    const roads = join(dataDir, "gothenburg.roads");
    await ensureGothenburgRoads(roads);
    result = await runKillScenario({
      kills: 6,
      seed: 20_261_122,
      outageMs: 3_000,
      pauseMs: { min: 500, max: 1_500 },
      checkout,
      dataDir: join(dataDir, "database"),
      roads,
      load: { vehicles: 40, recordsPerSecond: 240, recordsPerPacket: 5 },
    });
  }, TEST_MS_MAX);

  afterAll(async () => {
    await rm(dataDir, { recursive: true, force: true });
  });

  it("killed every part of the service under load", () => {
    expect(result.kills).toHaveLength(6);
    expect(new Set(result.kills.map(({ victim }) => victim))).toEqual(new Set(VICTIMS));
    expect(result.summary.acknowledged).toBeGreaterThan(1_000);
    expect(result.summary.counters.resends).toBeGreaterThan(0);
    expect(result.summary.counters.faults).toBeGreaterThan(0);
  });

  it("met devices of every protocol, each with its own acknowledgement", () => {
    const counts = Object.entries(result.summary.check!.byProtocol);
    expect(counts.map(([protocol]) => protocol).sort()).toEqual([
      "gt06",
      "osmand",
      "owntracks",
      "queclink",
      "teltonika",
    ]);
    for (const [, { acknowledged }] of counts) expect(acknowledged).toBeGreaterThan(100);
    expect(result.summary.counters.heartbeats).toBeGreaterThan(0);
  });

  it("found every acknowledged record stored exactly once, as the device made it", () => {
    expect(result.summary.check).toMatchObject({
      lost: 0,
      doubled: 0,
      displaced: 0,
      invented: 0,
      acknowledged: result.summary.acknowledged,
    });
  });

  it("delivered everything that the devices had kept meanwhile", () => {
    expect(result.summary.acknowledged).toBe(result.summary.made);
  });

  it("saw no role end by itself", () => {
    expect(result.crashes).toEqual([]);
  });
});
