import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ANSWERING_FILES, breakOrder } from "./break-order.ts";
import { runKillScenario } from "./kill.ts";

/**
 * Proves that the kill scenario can fail: `node simulator/scenarios/broken-order.ts` copies the program to a temporary
 * folder, lets every acknowledgement leave before its commit there, and expects lost records of every protocol. Exit code 1
 * when one has none.
 */

const NOT_COPIED = new Set(["node_modules", ".git", "data"]);
const source = fileURLToPath(new URL("../../", import.meta.url));

const folder = await mkdtemp(join(tmpdir(), "telematics-broken-"));
try {
  const checkout = join(folder, "checkout");
  await cp(source, checkout, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) });
  await symlink(join(source, "node_modules"), join(checkout, "node_modules"));
  for (const file of ANSWERING_FILES) await breakFile(join(checkout, file));
  const { summary } = await runKillScenario({
    kills: 6,
    // Killed with frames that wait for their commit, a gateway that answered them has lost them.
    victims: ["gateway", "blackout"],
    seed: 3,
    outageMs: 3_000,
    pauseMs: { min: 1_000, max: 2_000 },
    checkout,
    dataDir: join(folder, "data"),
    load: { vehicles: 40, recordsPerSecond: 300, recordsPerPacket: 5 },
    checkPatienceMs: 10_000,
  });
  const counts = Object.entries(summary.check?.byProtocol ?? {});
  const lost = Object.fromEntries(counts.map(([protocol, { lost: count }]) => [protocol, count]));
  const isCaught = counts.length > 0 && counts.every(([, { lost: count }]) => count > 0);
  const verdict = isCaught ? "caught, as it must be" : "NOT caught: the scenario is worthless";
  process.stdout.write(`${JSON.stringify({ acknowledged: summary.acknowledged, lost, verdict })}\n`);
  if (!isCaught) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function breakFile(path: string): Promise<void> {
  const broken = breakOrder(await readFile(path, "utf8"));
  if (broken === undefined) throw new Error(`${path}: found no answer that waits for a commit`);
  await writeFile(path, broken);
}
