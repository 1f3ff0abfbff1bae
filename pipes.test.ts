import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { expect, test, vi } from "vitest";
import { buildRoads } from "#stream/roads/build.ts";

// A process takes seconds of CPU time to start, and may get a tenth of a core.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const MAIN = new URL("main.ts", import.meta.url).pathname;
const STREET = {
  properties: { "@id": "way/5", highway: "residential" },
  geometry: {
    type: "LineString",
    coordinates: [
      [12, 57],
      [12.002, 57],
    ],
  },
};
const LINES = "zz\n".repeat(20_000);

function run(...words: string[]): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ["pipe", "pipe", "pipe"] });
  // The command may end before it has read everything.
  child.stdin?.on("error", () => undefined);
  return child;
}

async function outcomeOf(child: ChildProcess): Promise<{ code: number | null; complaint: string }> {
  const [complaint, [code]] = await Promise.all([text(child.stderr!), once(child, "exit")]);
  return { code, complaint };
}

test("a command whose reader leaves early ends quietly", async () => {
  const child = run("decode", "teltonika");
  const outcome = outcomeOf(child);
  child.stdin?.end(LINES);
  await once(child.stdout!, "data");
  child.stdout?.destroy();
  expect(await outcome).toEqual({ code: 0, complaint: "" });
});

test("who writes a line and waits gets its answer before the next", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pipes-"));
  const roads = join(folder, "town.roads");
  writeFileSync(join(folder, "town.geojson"), JSON.stringify({ features: [STREET] }));
  await buildRoads(join(folder, "town.geojson"), roads);
  const point = '{"trace":"t","lat":57.0001,"lon":12.001,"timeMs":1}';
  for (const { words, line, answer } of [
    { words: ["decode", "teltonika"], line: "zz", answer: { line: 1 } },
    { words: ["match", "--online", "--roads", roads], line: point, answer: { trace: "t", timeMs: 1, wayId: 5 } },
  ]) {
    const child = run(...words);
    const outcome = outcomeOf(child);
    const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    for (let n = 1; n <= 2; n++) {
      child.stdin?.write(`${line}\n`);
      const said = JSON.parse(String((await answers.next()).value));
      if (n === 1) expect(said).toMatchObject(answer);
    }
    child.stdin?.end();
    expect((await outcome).code).toBe(0);
  }
  rmSync(folder, { recursive: true });
});

test.skipIf(!existsSync("/dev/full"))("where nothing more can be written the command fails with a reason", async () => {
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [MAIN, "decode", "teltonika"], { stdio: ["pipe", full, "pipe"] });
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(LINES);
  const { code, complaint } = await outcomeOf(child);
  closeSync(full);
  expect([code, complaint.includes("ENOSPC"), complaint.includes("    at ")]).toEqual([1, true, false]);
});

test("empty input is answered with nothing, and bad lines don't stop a batch", async () => {
  const empty = run("decode", "teltonika");
  empty.stdin?.end();
  expect(await Promise.all([text(empty.stdout!), outcomeOf(empty)])).toEqual(["", { code: 0, complaint: "" }]);

  const bad = run("decode", "teltonika");
  bad.stdin?.end("zz\n\nqq\n");
  const [lines, { code }] = await Promise.all([text(bad.stdout!), outcomeOf(bad)]);
  const answers = lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect([code, answers.map(({ line, error }) => [line, error.code])]).toEqual([
    0,
    [
      [1, "hex"],
      [3, "hex"],
    ],
  ]);
});

test.each([
  ["a missing argument", ["decode"]],
  ["an unknown protocol", ["decode", "morse"]],
  ["a login that is no hex", ["decode", "teltonika", "--identify", "zz"]],
  ["an unknown role", ["serve", "--roles", "cook"]],
  ["an unknown scope", ["keys", "create", "x", "--scopes", "everything"]],
])("%s is wrong usage: exit code 2 and a reason", async (_what, words) => {
  const child = run(...words);
  child.stdin?.end();
  const { code, complaint } = await outcomeOf(child);
  expect([code, complaint === "", complaint.includes("    at ")]).toEqual([2, false, false]);
});
