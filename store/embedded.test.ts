import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { findEmbeddedPostgres, openEmbeddedPostgres } from "./embedded.ts";

const PATIENCE = { timeout: 50_000, interval: 20 };

// Clusters are made and servers started: seconds each, and more where the disk is slow.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let folder: string;
let dataDir: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  // mkdtemp closes the folder to everyone else (0700), as a checkout of root's may be.
  folder = await mkdtemp(join(tmpdir(), "telematics-embedded-"));
  dataDir = join(folder, "data");
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : undefined;
    child.kill("SIGKILL");
    await ended;
  }
});
afterAll(async () => {
  // Opening and closing once more stops whatever a killed child has left.
  await (await openEmbeddedPostgres({ dataDir })).close();
  await rm(folder, { recursive: true, force: true });
});

async function ask<T>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client(url);
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Another process that opens the folder and holds it until it is killed. */
async function openElsewhere(): Promise<{ child: ChildProcess; url: string; serverProcessId: number }> {
  const script = `const { openEmbeddedPostgres } = await import(process.argv[1]);
    const server = await openEmbeddedPostgres({ dataDir: process.argv[2] });
    console.log(JSON.stringify({ url: server.url, serverProcessId: server.processId }));
    setInterval(() => undefined, 1000);`;
  const module = new URL("embedded.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, module, dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return { child, ...(JSON.parse(line.toString()) as { url: string; serverProcessId: number }) };
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

test("data outlives the server, which is durable, closed to strangers and gone when closed", async () => {
  const first = await openEmbeddedPostgres({ dataDir });
  await ask(first.url, "create table closed as select 42 as answer");
  const settings = await ask<{ setting: string }>(
    first.url,
    "select setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')",
  );
  expect(settings.map((row) => row.setting)).toEqual(["on", "on", "on"]);
  const stranger = new URL(first.url);
  stranger.password = "wrong";
  await expect(ask(stranger.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
  expect((await stat(join(dataDir, "postgres", "access.json"))).mode & 0o077).toBe(0);
  const { processId } = first;
  await first.close();
  expect(isRunning(processId)).toBe(false);

  const second = await openEmbeddedPostgres({ dataDir });
  expect(await ask(second.url, "select answer from closed")).toEqual([{ answer: 42 }]);
  await second.close();
});

test("a second opener is refused while the first lives, and finds the server that runs", async () => {
  const { url, child } = await openElsewhere();
  await expect(openEmbeddedPostgres({ dataDir })).rejects.toMatchObject({ code: "EMBEDDED_IN_USE" });
  expect(await findEmbeddedPostgres(dataDir)).toEqual({ url, ownerProcessId: child.pid });
  expect(await ask(url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("the same process is refused a second time, too", async () => {
  const server = await openEmbeddedPostgres({ dataDir });
  await expect(openEmbeddedPostgres({ dataDir })).rejects.toMatchObject({ code: "EMBEDDED_IN_USE" });
  await server.close();
  expect(await findEmbeddedPostgres(dataDir)).toBeUndefined();
});

test("a server whose opener was killed is stopped by its watchdog", async () => {
  const { child, serverProcessId } = await openElsewhere();
  child.kill("SIGKILL");
  await vi.waitFor(() => expect(isRunning(serverProcessId)).toBe(false), PATIENCE);
});

test("the next start takes over at once what a killed opener left behind", async () => {
  const { child, url } = await openElsewhere();
  await ask(url, "create table orphaned as select 1 as answer");
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
  const server = await openEmbeddedPostgres({ dataDir });
  expect(await ask(server.url, "select answer from orphaned")).toEqual([{ answer: 1 }]);
  await server.close();
});

test("lock files that name an unrelated live process don't keep it from starting", async () => {
  await (await openEmbeddedPostgres({ dataDir })).close();
  const files = join(dataDir, "postgres");
  // PostgreSQL takes only a process of its own account for a predecessor.
  const account = process.getuid?.() === 0 ? { uid: (await stat(join(files, "cluster"))).uid } : {};
  const unrelated = spawn("sleep", ["600"], { ...account, cwd: "/" });
  children.push(unrelated);
  const pidFile = `${unrelated.pid}\n${files}/cluster\n0\n5432\n\n127.0.0.1\n`;
  await writeFile(join(files, "cluster", "postmaster.pid"), pidFile);
  await writeFile(join(files, "owner.json"), JSON.stringify({ processId: unrelated.pid, stamp: "an earlier life" }));
  const server = await openEmbeddedPostgres({ dataDir });
  expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
  expect(isRunning(unrelated.pid!)).toBe(true);
  await server.close();
});

test("a cluster that was half made when its maker was killed is made anew", async () => {
  const otherDir = join(folder, "other");
  const draft = join(otherDir, "postgres", "cluster.new");
  await mkdir(draft, { recursive: true });
  await writeFile(join(draft, "PG_VERSION"), "18\n");
  const server = await openEmbeddedPostgres({ dataDir: otherDir });
  expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
  await server.close();
});

test("a server that is killed comes back by itself with what it had committed", async () => {
  const server = await openEmbeddedPostgres({ dataDir });
  await ask(server.url, "create table crashed as select 7 as answer");
  const { processId, url } = server;
  process.kill(processId, "SIGKILL");
  await vi.waitFor(() => expect(server.processId).not.toBe(processId), PATIENCE);
  expect(server.url).toBe(url);
  expect(await ask(url, "select answer from crashed")).toEqual([{ answer: 7 }]);
  await server.close();
});

test.skipIf(process.getuid?.() !== 0)("root makes no account and lends the server another one", async () => {
  const accounts = await readFile("/etc/passwd", "utf8");
  const server = await openEmbeddedPostgres({ dataDir });
  const status = await readFile(`/proc/${server.processId}/status`, "utf8");
  await server.close();
  expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).not.toBe("0");
  expect(await readFile("/etc/passwd", "utf8")).toBe(accounts);
});

test.skipIf(process.getuid?.() !== 0)("an ordinary user is told whose folder it is", async () => {
  await (await openEmbeddedPostgres({ dataDir })).close();
  // The checkout may be closed to others: the program is loaded before it becomes an ordinary user's.
  const script = `const { openEmbeddedPostgres } = await import(process.argv[1]);
    process.seteuid(65534);
    await openEmbeddedPostgres({ dataDir: process.argv[2] }).catch((error) => console.log(error.code));`;
  const module = new URL("embedded.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, module, dataDir]);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  expect(line.toString().trim()).toBe("EMBEDDED_OWNER");
});
