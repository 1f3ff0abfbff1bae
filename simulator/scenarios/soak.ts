import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SingleBar } from "cli-progress";
import { runKillScenario } from "./kill.ts";

/** The long run of the kill scenario: `npm run soak -- --kills 200`. Prints one JSON object; exit code 1 for a broken promise. */

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    vehicles: { type: "string", default: "60" },
    "records-per-second": { type: "string", default: "400" },
    "records-per-packet": { type: "string", default: "5" },
    "outage-seconds": { type: "string", default: "20" },
    checkout: { type: "string", default: fileURLToPath(new URL("../../", import.meta.url)) },
  },
});
const kills = Number(values.kills);
const dataDir = await mkdtemp(join(tmpdir(), "telematics-soak-"));
const bar = process.stderr.isTTY
  ? new SingleBar({
      format: "{bar} {value}/{total} kills · {acknowledged} of {made} acknowledged",
      stream: process.stderr,
    })
  : null;
bar?.start(kills, 0, { acknowledged: 0, made: 0 });
try {
  const result = await runKillScenario({
    kills,
    seed: Number(values.seed),
    outageMs: Number(values["outage-seconds"]) * 1_000,
    pauseMs: { min: 500, max: 6_000 },
    checkout: values.checkout,
    dataDir,
    load: {
      vehicles: Number(values.vehicles),
      recordsPerSecond: Number(values["records-per-second"]),
      recordsPerPacket: Number(values["records-per-packet"]),
    },
    onProgress: ({ kills: done, acknowledged, made }) => bar?.update(done, { acknowledged, made }),
  });
  bar?.stop();
  const byVictim = Object.groupBy(result.kills, ({ victim }) => victim);
  const killed = Object.fromEntries(Object.entries(byVictim).map(([victim, list]) => [victim, list.length]));
  const recoveredAfterS = Math.max(...result.kills.map((kill) => kill.recoveredAfterS));
  const { ok, crashes, summary } = result;
  process.stdout.write(
    `${JSON.stringify({ ok, killed, slowestRecoveryS: recoveredAfterS, crashes, summary }, null, 2)}\n`,
  );
  if (!ok) process.exitCode = 1;
} finally {
  bar?.stop();
  await rm(dataDir, { recursive: true, force: true });
}
