import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openTestGateway } from "#simulator/links/test-gateway.ts";
import { runSimulation, type SimulateCommand } from "./demo.ts";

const COMMAND: SimulateCommand = {
  target: "127.0.0.1",
  protocol: "gt06",
  // Nothing listens on port 1 of the loopback interface.
  teltonikaPort: 1,
  queclinkPort: 1,
  gt06Port: 1,
  mqttPort: 1,
  osmandPort: 1,
  vehicles: 2,
  seconds: 1,
  recordsPerSecond: 40,
  recordsPerPacket: 1,
  seed: 5,
  drainSeconds: 600,
};

/** What Ctrl-C would call. */
let interrupt: () => void = () => undefined;

beforeEach(() => {
  const once = process.once.bind(process) as (event: string, listener: () => void) => NodeJS.Process;
  vi.spyOn(process, "once").mockImplementation((event: unknown, listener: unknown) => {
    if (event === "SIGINT") interrupt = listener as () => void;
    return event === "SIGINT" || event === "SIGTERM" ? process : once(event as string, listener as () => void);
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function simulated(command: Partial<SimulateCommand>): Promise<{ failures: string[]; exitCode: unknown }> {
  const failures: string[] = [];
  await runSimulation(
    "load",
    { ...COMMAND, ...command },
    () => undefined,
    (line) => failures.push(line),
  );
  return { failures, exitCode: process.exitCode };
}

test("a simulation that nobody acknowledges fails and says so", async () => {
  const { failures, exitCode } = await simulated({ drainSeconds: 0 });
  expect(failures).toEqual([expect.stringMatching(/^none of \d+ records was acknowledged/)]);
  expect(exitCode).toBe(1);
});

test("a simulation of which everything is acknowledged succeeds; one record that is not fails it", async () => {
  const gateway = await openTestGateway(() => "acknowledge", "gt06");
  expect(await simulated({ gt06Port: gateway.port })).toEqual({ failures: [], exitCode: undefined });
  await gateway.close();
  // So many packets have come only because answers of those before were heard.
  const falling = (packet: number) => {
    if (packet === 20) interrupt();
    return packet < 20 ? "acknowledge" : "withhold";
  };
  const silent = await openTestGateway(falling, "gt06");
  const { failures, exitCode } = await simulated({ gt06Port: silent.port, seconds: 600, drainSeconds: 0 });
  await silent.close();
  expect(failures).toEqual([expect.stringMatching(/^\d+ of \d+ records were not acknowledged/)]);
  expect(exitCode).toBe(1);
});
