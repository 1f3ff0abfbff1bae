import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { type SimulationOptions, type Summary, simulate } from "./index.ts";
import { openTestGateway, type TestGateway, type Treatment } from "./links/test-gateway.ts";

let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

/** Compared as a whole, so that a failure names the record. */
const NO_EXAMPLES = { lost: [], doubled: [], displaced: [], invented: [] };
const QUICK = { responseTimeoutMs: 300, backoffMs: [10, 30], sendAfterMs: 100 };
/** Sends nothing again because the machine is slow. */
const PATIENT = { ...QUICK, responseTimeoutMs: 600_000 };
/** Until the test has seen enough. */
const LONG_S = 600;

type Transport = NonNullable<SimulationOptions["target"]["transport"]>;

async function run(
  treat: (packet: number) => Treatment,
  transport: Transport,
  options: Partial<SimulationOptions> = {},
): Promise<Summary> {
  gateway = await openTestGateway(treat);
  return simulate({
    scenario: "load",
    target: { host: "127.0.0.1", teltonikaPort: gateway.port, teltonikaUdpPort: gateway.udpPort, transport },
    vehicles: 6,
    seconds: 0.7,
    recordsPerSecond: 240,
    recordsPerPacket: 4,
    seed: 5,
    behaviour: QUICK,
    fixSource: gateway.readFixes,
    // Until all is acknowledged, however slow the machine: only the time limit of the test ends it.
    drainMs: Number.POSITIVE_INFINITY,
    checkPatienceMs: 0,
    ...options,
  });
}

/** Every third packet is treated otherwise than acknowledged. */
function everyThird(treatment: Treatment): (packet: number) => Treatment {
  return (packet) => (packet % 3 === 1 ? treatment : "acknowledge");
}

describe("simulated Teltonika devices", () => {
  it("deliver every record that they made, over TCP and UDP, and the decoder reads what they meant", async () => {
    const summary = await run(() => "acknowledge", "mixed");
    expect(summary.made).toBeGreaterThan(50);
    expect(summary.acknowledged).toBe(summary.made);
    expect(summary.check).toMatchObject({ ok: true, devices: 6, stored: summary.made, storedUnacknowledged: 0 });
    expect(gateway!.rejected).toBe(0);
    for (const fix of [...gateway!.stored.values()].flatMap((fixes) => [...fixes.values()])) {
      expect(fix).toMatchObject({ valid: true, altitudeM: 12, attributes: { ignition: true } });
      expect(fix.latDeg).toBeCloseTo(57.7, 0);
      expect(fix.lonDeg).toBeCloseTo(11.97, 0);
    }
  });

  it.each([
    ["withhold", "tcp"],
    ["withhold", "udp"],
    ["drop", "tcp"],
    ["partial", "tcp"],
  ] as const)(
    "send a packet again until acknowledged when the gateway treats it to '%s' over %s",
    async (how, transport) => {
      const summary = await run(everyThird(how), transport);
      expect(summary.counters.resends).toBeGreaterThan(0);
      expect(summary.acknowledged).toBe(summary.made);
      expect(summary.check).toMatchObject({ ok: true, stored: summary.made, examples: NO_EXAMPLES });
    },
  );

  it("over UDP keep what a partial acknowledgement confirms, and send only the rest again", async () => {
    const summary = await run(everyThird("partial"), "udp", { behaviour: PATIENT });
    expect(summary.counters.resends).toBe(0);
    expect(summary.acknowledged).toBe(summary.made);
    expect(summary.check).toMatchObject({ ok: true, stored: summary.made, examples: NO_EXAMPLES });
  });

  it("never count a record as acknowledged while the gateway is silent", async () => {
    const heard = new AbortController();
    const withhold = (packet: number): Treatment => {
      if (packet === 9) heard.abort();
      return "withhold";
    };
    const summary = await run(withhold, "mixed", { seconds: LONG_S, signal: heard.signal, drainMs: 300 });
    expect(summary.acknowledged).toBe(0);
    expect(summary.check).toMatchObject({ ok: true, acknowledged: 0 });
    expect(summary.check!.storedUnacknowledged).toBeGreaterThan(0);
  });

  it.each(["tcp", "udp"] as const)("take no acknowledgement over %s once the store is read", async (transport) => {
    let isRead = false;
    const summary = await run(() => (isRead ? "acknowledge" : "withhold"), transport, {
      drainMs: 0,
      async *fixSource(uid) {
        isRead = true;
        yield* gateway!.readFixes(uid);
        await sleep(3 * QUICK.responseTimeoutMs);
      },
    });
    expect(summary.made).toBeGreaterThan(50);
    expect(summary.acknowledged).toBe(0);
    expect(summary.check).toMatchObject({ ok: true, acknowledged: 0 });
  });

  it("find out a gateway that acknowledges what it then loses", async () => {
    const lose = (packet: number): Treatment => (packet === 5 ? "loseAndAcknowledge" : "acknowledge");
    const summary = await run(lose, "tcp", { behaviour: PATIENT });
    expect(summary.check!.ok).toBe(false);
    expect(summary.check!.lost).toBeGreaterThan(0);
    expect(summary.check!.lost).toBeLessThanOrEqual(4);
    expect(summary.check!.examples.lost).toHaveLength(summary.check!.lost);
  });

  it("survive every fault at once, with packets cut, damaged, doubled and the network away", async () => {
    const faults = { cut: 0.1, vanish: 0.1, split: 0.1, corrupt: 0.05, duplicate: 0.1 };
    const offline = { perMinute: 20, minMs: 50, maxMs: 300 };
    const behaviour = { ...QUICK, faults };
    const enough = new AbortController();
    const summary = await run(() => "acknowledge", "mixed", {
      ...{ scenario: "adversity", seconds: LONG_S, signal: enough.signal, behaviour, offline },
      onProgress: ({ elapsedS, counters }) => {
        if (elapsedS > 2 && counters.faults > 10 && counters.duplicates > 0) enough.abort();
      },
    });
    expect(summary.counters.faults).toBeGreaterThan(10);
    expect(summary.counters.duplicates).toBeGreaterThan(0);
    expect(summary.acknowledged).toBe(summary.made);
    expect(summary.check).toMatchObject({ ok: true, stored: summary.made, examples: NO_EXAMPLES });
  });
});
