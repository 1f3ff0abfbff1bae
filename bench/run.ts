import { spawnSync } from "node:child_process";
import { cpuTicks, stolenShareSince } from "./quiet-rounds.ts";

/** `npm run bench [NAME …]`: all measurements, or the named ones, each in a process of its own. */

const BENCHES = [
  "decode-teltonika",
  "decode-others",
  "ack-path",
  "idle-memory",
  "stages",
  "ingest",
  "ack-latency",
  "mqtt-acks",
  "match-speed",
  "roads-country",
  "geofence",
  "tracking-viewers",
  "solomon",
  "verdicts",
  "eta-calibration",
  "eta-observed",
  "eta-upkeep",
  "delivery-visits",
];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !BENCHES.includes(name));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(", ")}; known: ${BENCHES.join(", ")}`);
  process.exit(2);
}
for (const name of asked.length > 0 ? asked : BENCHES) {
  const begin = cpuTicks();
  const { status } = spawnSync(process.execPath, [new URL(`${name}.ts`, import.meta.url).pathname], {
    stdio: "inherit",
  });
  const stolenPercent = (100 * stolenShareSince(begin)).toFixed(0);
  console.log(`\n${name}: the host of this machine gave ${stolenPercent} % of its CPU to others meanwhile.`);
  if (status !== 0) process.exitCode = 1;
}
