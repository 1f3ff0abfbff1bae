import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SingleBar } from "cli-progress";
import { runWebhookScenario } from "./webhooks.ts";

/** `npm run webhooks:kill`: deliveries to three receivers while the API is killed. Prints what came of it as JSON. */

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "10000" },
    stops: { type: "string", default: "500" },
    kills: { type: "string", default: "2" },
    seed: { type: "string", default: "1" },
    checkout: { type: "string", default: fileURLToPath(new URL("../../", import.meta.url)) },
  },
});
const events = Number(values.events);
const dataDir = await mkdtemp(join(tmpdir(), "telematics-webhooks-"));
const format = "{bar} healthy {healthy} · slow {slow} · failing {failing} of {total}";
const bar = process.stderr.isTTY ? new SingleBar({ format, stream: process.stderr }) : null;
bar?.start(events, 0, { healthy: 0, slow: 0, failing: 0 });
try {
  const result = await runWebhookScenario({
    ...{ events, stops: Number(values.stops), kills: Number(values.kills), seed: Number(values.seed), dataDir },
    checkout: values.checkout,
    onProgress: (taken) => bar?.update(Math.min(...Object.values(taken)), taken),
  });
  bar?.stop();
  const ok = Object.values(result.receivers).every(
    ({ lost, unsigned, outOfOrder }) => lost + unsigned + outOfOrder === 0,
  );
  process.stdout.write(`${JSON.stringify({ ok, ...result }, null, 2)}\n`);
  if (!ok) process.exitCode = 1;
} finally {
  bar?.stop();
  await rm(dataDir, { recursive: true, force: true });
}
