import { execFileSync, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The brokers that ours is held against, each in a process of its own on a port of its own. */

export type OpenBroker = { port: number; close(): Promise<void> };

const START_TRIES = 100;
const START_RETRY_MS = 100;

export async function openPlainAedes(): Promise<OpenBroker> {
  const child = fork(new URL("plain-aedes.ts", import.meta.url).pathname);
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return {
    port,
    close: async () => {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** Mosquitto with nothing kept on disk and no limit in the way; undefined where none is installed. */
export async function openMosquitto(): Promise<OpenBroker | undefined> {
  const program = findMosquitto();
  if (program === undefined) return undefined;
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), "telematics-bench-mosquitto-"));
  const file = join(folder, "mosquitto.conf");
  const settings = ["allow_anonymous true", "persistence false", "set_tcp_nodelay true", "log_type error"];
  const lines = [`listener ${port} 127.0.0.1`, "log_dest stderr", ...settings];
  await writeFile(file, `${lines.join("\n")}\n`);
  const child = spawn(program, ["-c", file], { stdio: ["ignore", "ignore", "inherit"] });
  await untilListening(port);
  return {
    port,
    close: async () => {
      const ended = once(child, "exit");
      child.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function findMosquitto(): string | undefined {
  try {
    return execFileSync("sh", ["-c", "command -v mosquitto || ls /usr/sbin/mosquitto"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    // Not installed: the command says so by its exit code.
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < START_TRIES; tries++) {
    const socket = connect({ port, host: "127.0.0.1" });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(START_RETRY_MS);
  }
  throw new Error("mosquitto does not listen");
}
