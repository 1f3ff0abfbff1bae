import { simulate } from "#simulator";
import { printGoal, printTable } from "./measure.ts";
import { openMeasuredService } from "./measured-service.ts";

/** Time from a packet's last byte written to its ack read, at offered loads, with stream, database and API beside. */

const OFFERED = [1_000, 5_000, 10_000];
const SECONDS = 15;
const VEHICLES = 500;

const rows: Record<string, string | number>[] = [];
for (const recordsPerPacket of [1, 10]) {
  for (const recordsPerSecond of OFFERED) {
    const service = await openMeasuredService();
    const summary = await simulate({
      scenario: "load",
      target: { host: "127.0.0.1", teltonikaPort: service.teltonikaPort, transport: "tcp" },
      vehicles: VEHICLES,
      seconds: SECONDS,
      recordsPerSecond,
      recordsPerPacket,
      seed: 1,
    });
    await service.close();
    rows.push({
      "records a packet": recordsPerPacket,
      "offered records/s": recordsPerSecond,
      "acknowledged records/s": summary.acknowledgedPerSecond,
      "p50 ms": summary.ackLatencyMs.p50,
      "p99 ms": summary.ackLatencyMs.p99,
      "max ms": summary.ackLatencyMs.max,
    });
  }
}
printTable(`Ack latency, ${VEHICLES} devices, ${SECONDS} s each`, rows);
for (const row of rows.filter((each) => each["offered records/s"] === 5_000)) {
  const p99 = Number(row["p99 ms"]);
  printGoal(`ack p99 at most 50 ms at 5,000 records/s (${row["records a packet"]} a packet)`, p99, p99 <= 50);
}
