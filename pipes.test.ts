import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const MAIN = new URL("main.ts", import.meta.url).pathname;
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
