import { afterAll, beforeAll, expect, test } from "vitest";
import { type BenchGateway, type CommandBench, openCommandBench } from "./gateway/commands/test-bench.ts";
import { until } from "./gateway/test-gateway.ts";
import { type DeviceLink, NO_FAULTS, noCounts, type SimulatedRecord } from "./simulator/device.ts";
import { type DeviceKind, deviceProtocols } from "./simulator/devices/index.ts";
import { createOutbox } from "./simulator/outbox.ts";
import { seededRandom } from "./simulator/random.ts";

/** Commands to simulated devices: through the real gateway, command table and journal, and back. */

let bench: CommandBench;
let gateway: BenchGateway;
const links: DeviceLink[] = [];

beforeAll(async () => {
  bench = await openCommandBench();
  gateway = await bench.openGateway();
});

afterAll(async () => {
  for (const link of links) link.close();
  await bench?.close();
});

const COMMANDS: readonly [kind: DeviceKind, transport: "tcp" | "udp" | "mqtt", text: string, answer: RegExp][] = [
  ["teltonika-tcp", "tcp", "getver", /^getver OK$/],
  ["queclink-tcp", "tcp", "AT+GTRTO=gv300,1,,,,,,FFFF$", /^\+ACK:GTRTO,[0-9A-F]{4}$/],
  ["queclink-udp", "udp", "AT+GTRTO=gv300,1,,,,,,FFFF$", /^\+ACK:GTRTO,[0-9A-F]{4}$/],
  ["gt06-tcp", "tcp", "STATUS#", /^STATUS# OK$/],
  ["owntracks-mqtt", "mqtt", "reportLocation", /"lat":57\.7/],
];

test.for(COMMANDS)(
  "a simulated %s device answers its command, each time once",
  async ([kind, transport, text, answer]) => {
    const { protocol, ...device } = deviceProtocols[kind];
    const random = seededRandom(7, kind);
    const uid = device.makeUid(random, 1);
    const password = device.hasPassword ? "right" : null;
    const deviceId = await bench.register(uid, protocol, password === null ? {} : { "auth.passwordHash": password });
    const outbox = createOutbox("oldestFirst");
    const counters = noCounts();
    const link = device.openLink({
      ...{ uid, password, host: "127.0.0.1", port: gateway.portOf(protocol, transport), outbox, random, counters },
      behaviour: {
        ...{ recordsPerPacket: 1, sendAfterMs: 0, order: "oldestFirst" },
        // It gives up no connection, and sends nothing again, because the machine is slow.
        ...{ responseTimeoutMs: 600_000, heartbeatMs: 600_000 },
        ...{ backoffMs: [20], faults: NO_FAULTS },
      },
      onAcknowledged: () => undefined,
    });
    links.push(link);
    let marker = 0;
    for (const times of [1, 2]) {
      const id = await bench.queue(deviceId, protocol, text);
      // A device without a connection gets a command when it is heard.
      await until(async () => {
        outbox.add(recordOf(marker++));
        link.wake();
        return (await bench.read(id)).state === "answered";
      });
      const done = await bench.read(id);
      expect(done).toMatchObject({ result: "ok", attempts: 1 });
      expect(done.answer).toMatch(answer);
      expect(counters.commands).toBe(times);
    }
  },
);

function recordOf(marker: number): SimulatedRecord {
  return {
    ...{ timeMs: Date.UTC(2026, 10, 22, 12) + marker * 1_000, latDeg: 57.7, lonDeg: 11.97, altitudeM: 12 },
    ...{ speedMps: 0, headingDeg: 0, satellites: 9, hdop: 0.9, ignition: true, odometerM: 1_000 },
    ...{ event: null, run: 1, marker },
  };
}
