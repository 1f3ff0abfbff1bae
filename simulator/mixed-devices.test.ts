import { describe, expect, it } from "vitest";
import { type Progress, type SimulationOptions, type Summary, startSimulation } from "./index.ts";
import { openTestGateway, type TestGateway, type Treatment } from "./links/test-gateway.ts";
import { openTestBroker, openTestHttpGateway } from "./links/test-phone-gateway.ts";

const NO_EXAMPLES = { lost: [], doubled: [], displaced: [], invented: [] };
const QUICK = { responseTimeoutMs: 300, backoffMs: [10, 30], sendAfterMs: 100, heartbeatMs: 200 };
/** Sends nothing again because the machine is slow. */
const PATIENT = { ...QUICK, responseTimeoutMs: 600_000, heartbeatMs: 600_000 };
/** Until the test has seen enough. */
const LONG_S = 600;
const KINDS = ["queclink", "queclink by UDP", "gt06", "osmand", "owntracks", "owntracks by HTTP"] as const;
type Kind = (typeof KINDS)[number];
const PORT_NAMES: { readonly [kind in Kind]: keyof SimulationOptions["target"] } = {
  queclink: "queclinkPort",
  "queclink by UDP": "queclinkUdpPort",
  gt06: "gt06Port",
  osmand: "osmandPort",
  owntracks: "mqttPort",
  "owntracks by HTTP": "owntracksHttpPort",
};

type RunOptions = Partial<SimulationOptions> & {
  /** Ends the driving, however long it should have lasted. */
  isEnough?: (progress: Progress, gateway: TestGateway) => boolean;
};

async function run(
  kind: Kind,
  treat: (message: number) => Treatment,
  { isEnough, ...options }: RunOptions = {},
): Promise<Summary & { gateway: TestGateway }> {
  const passwords = new Map<string, string | null>();
  const passwordOf = (uid: string): string | null => passwords.get(uid) ?? null;
  const gateway = await openGateway(kind, treat, passwordOf);
  const simulation = await startSimulation({
    scenario: "load",
    target: { host: "127.0.0.1", [PORT_NAMES[kind]]: (kind === "queclink by UDP" && gateway.udpPort) || gateway.port },
    vehicles: 4,
    seconds: 0.7,
    recordsPerSecond: 120,
    recordsPerPacket: 4,
    seed: 5,
    behaviour: QUICK,
    // Until all is acknowledged, however slow the machine: only the time limit of the test ends it.
    drainMs: Number.POSITIVE_INFINITY,
    ...options,
  });
  for (const { uid, password } of simulation.fleet.devices) passwords.set(uid, password);
  try {
    if (isEnough) await expect.poll(() => isEnough(simulation.progress(), gateway)).toBe(true);
    if (isEnough) simulation.stop();
    await simulation.drained;
    return { ...simulation.summary(await simulation.check(gateway.readFixes, 0)), gateway };
  } finally {
    simulation.close();
    await gateway.close();
  }
}

function openGateway(
  kind: Kind,
  treat: (message: number) => Treatment,
  passwordOf: (uid: string) => string | null,
): Promise<TestGateway> {
  switch (kind) {
    case "queclink":
    case "queclink by UDP":
      return openTestGateway(treat, "queclink");
    case "gt06":
      return openTestGateway(treat, "gt06");
    case "osmand":
      return openTestHttpGateway(treat, passwordOf);
    case "owntracks by HTTP":
      return openTestHttpGateway(treat, passwordOf, "owntracks");
    case "owntracks":
      return openTestBroker(treat, passwordOf);
  }
}

function everyFifth(treatment: Treatment): (message: number) => Treatment {
  return (message) => (message % 5 === 1 ? treatment : "acknowledge");
}

describe.each(KINDS)("simulated devices of %s", { concurrent: true }, (kind) => {
  it("deliver every record that they made, and the decoder reads what they meant", async () => {
    const { gateway, ...summary } = await run(kind, () => "acknowledge");
    expect(summary.made).toBeGreaterThan(30);
    expect(summary.acknowledged).toBe(summary.made);
    expect(summary.check).toMatchObject({ ok: true, devices: 4, stored: summary.made, examples: NO_EXAMPLES });
    expect(gateway.rejected).toBe(0);
    for (const fix of [...gateway.stored.values()].flatMap((fixes) => [...fixes.values()])) {
      expect(fix).toMatchObject({ kind: "fix", valid: true });
      expect(fix.latDeg).toBeCloseTo(57.7, 0);
      expect(fix.lonDeg).toBeCloseTo(11.97, 0);
      expect(fix.speedMps).toBeLessThan(60);
    }
  });

  it.each(["withhold", "ignore", "drop"] as const)(
    "send again until acknowledged when it is treated to '%s'",
    async (how) => {
      const summary = await run(kind, everyFifth(how));
      expect(summary.counters.resends).toBeGreaterThan(0);
      expect(summary.acknowledged).toBe(summary.made);
      expect(summary.check).toMatchObject({ ok: true, stored: summary.made, examples: NO_EXAMPLES });
    },
  );

  it("never count a record as acknowledged while the gateway is silent", async () => {
    const isEnough: RunOptions["isEnough"] = (_progress, { stored }) =>
      [...stored.values()].some((fixes) => fixes.size > 0);
    const summary = await run(kind, () => "withhold", { seconds: LONG_S, isEnough, drainMs: 300 });
    expect(summary.acknowledged).toBe(0);
    expect(summary.check).toMatchObject({ ok: true, acknowledged: 0 });
    expect(summary.check!.storedUnacknowledged).toBeGreaterThan(0);
  });

  it("find out a gateway that acknowledges what it then loses", async () => {
    const lose = (message: number): Treatment => (message === 5 ? "loseAndAcknowledge" : "acknowledge");
    const summary = await run(kind, lose, { behaviour: PATIENT });
    expect(summary.check!.ok).toBe(false);
    expect(summary.check!.lost).toBeGreaterThan(0);
    expect(summary.check!.lost).toBeLessThanOrEqual(4);
    expect(summary.check!.examples.lost).toHaveLength(summary.check!.lost);
  });

  it("survive every fault at once", async () => {
    const faults = { cut: 0.1, vanish: 0.1, split: 0.1, corrupt: 0.05, duplicate: 0.1 };
    const summary = await run(kind, () => "acknowledge", {
      ...{ scenario: "adversity", seconds: LONG_S, behaviour: { ...QUICK, faults } },
      offline: { perMinute: 20, minMs: 50, maxMs: 300 },
      isEnough: ({ elapsedS, counters }) => elapsedS > 1.5 && counters.faults > 10 && counters.duplicates > 0,
    });
    expect(summary.counters.faults).toBeGreaterThan(10);
    expect(summary.counters.duplicates).toBeGreaterThan(0);
    expect(summary.acknowledged).toBe(summary.made);
    expect(summary.check).toMatchObject({ ok: true, stored: summary.made, examples: NO_EXAMPLES });
  });
});

it("simulated phones over HTTP keep what is answered by an error", async () => {
  const summary = await run("osmand", everyFifth("partial"));
  expect(summary.counters.refusals).toBeGreaterThan(0);
  expect(summary.acknowledged).toBe(summary.made);
  expect(summary.check).toMatchObject({ ok: true, stored: summary.made, examples: NO_EXAMPLES });
});

it("simulated phones over MQTT are refused with a wrong password, and keep everything", async () => {
  const broker = await openTestBroker(
    () => "acknowledge",
    () => "another password",
  );
  const simulation = await startSimulation({
    scenario: "load",
    target: { host: "127.0.0.1", mqttPort: broker.port },
    vehicles: 2,
    seconds: 0.3,
    recordsPerSecond: 40,
    seed: 5,
    behaviour: QUICK,
    drainMs: Number.POSITIVE_INFINITY,
  });
  try {
    await expect.poll(() => simulation.progress().counters.refusals).toBeGreaterThan(0);
    expect(broker.rejected).toBeGreaterThan(0);
    simulation.close();
    const { made, acknowledged } = simulation.progress();
    expect([made > 0, acknowledged]).toEqual([true, 0]);
  } finally {
    simulation.close();
    await broker.close();
  }
});
