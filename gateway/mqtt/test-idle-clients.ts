import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connectBytes } from "./test-packets.ts";

/** Clients that log in and do nothing more, in a process of their own: it has their half of the descriptors. */

/** How many log in at a time: a listener's queue is not endless. */
const WAVE = 250;
/** Nobody is closed as silent while the others log in. */
export const KEEP_ALIVE_S = 1_800;
const CONNACK_BYTES = 4;
const ACCEPTED = "20020000";

/** Resolves when all of them are logged in. They go when the process is killed. */
export async function startIdleClients(port: number, count: number): Promise<ChildProcess> {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [script, String(port), String(count)], { stdio: ["pipe", "pipe", "inherit"] });
  const { value: line } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (line !== "logged in") throw new Error(`the idle clients are not logged in: ${line}`);
  return child;
}

async function logInAll(port: number, count: number): Promise<void> {
  for (let from = 0; from < count; from += WAVE) {
    const wave = Array.from({ length: Math.min(WAVE, count - from) }, (_, index) => logIn(port, `idle${from + index}`));
    await Promise.all(wave);
  }
}

async function logIn(port: number, user: string): Promise<Socket> {
  const socket = createConnection({ port, host: "127.0.0.1" });
  socket.write(connectBytes({ user, keepAliveS: KEEP_ALIVE_S }));
  let received = Buffer.alloc(0);
  while (received.length < CONNACK_BYTES) received = Buffer.concat([received, (await once(socket, "data"))[0]]);
  if (received.toString("hex") !== ACCEPTED) throw new Error(`${user} was answered ${received.toString("hex")}`);
  return socket;
}

if (import.meta.main) {
  process.stdin.on("end", () => process.exit()).resume();
  await logInAll(Number(process.argv[2]), Number(process.argv[3]));
  process.stdout.write("logged in\n");
}
