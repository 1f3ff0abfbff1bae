import { spawnSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;

/** True while a process of this id exists, whoever it belongs to. */
export function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return !isZombie(processId);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Tells a process from a later one of the same id: boot and start time. Undefined when there is none. */
export function processStamp(processId: number): string | undefined {
  if (!isAlive(processId)) return undefined;
  const startTicks = statFields(processId)?.[19];
  if (startTicks !== undefined) return `${readText("/proc/sys/kernel/random/boot_id") ?? ""} ${startTicks}`.trim();
  const listed = spawnSync("ps", ["-o", "lstart=", "-p", String(processId)], { encoding: "utf8" });
  return listed.status === 0 ? listed.stdout.trim() : undefined;
}

/** True when the process is a PostgreSQL server that works in `folder`. */
export function isServerOf(processId: number, folder: string): boolean {
  if (!isAlive(processId)) return false;
  try {
    return readlinkSync(`/proc/${processId}/cwd`) === folder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return false;
    const listed = spawnSync("ps", ["-o", "command=", "-p", String(processId)], { encoding: "utf8" });
    return listed.status === 0 && listed.stdout.includes("postgres") && listed.stdout.includes(folder);
  }
}

/** Resolves true once the process is gone, false when it still lives after `patienceMs`. */
export async function waitForEnd(processId: number, patienceMs: number): Promise<boolean> {
  const giveUpAtMs = performance.now() + patienceMs;
  while (isAlive(processId)) {
    if (performance.now() >= giveUpAtMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Sends the signal; a process that has just ended is fine. */
export function signal(processId: number, name: NodeJS.Signals): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

// A killed process whose parent has not collected it yet holds nothing any more.
function isZombie(processId: number): boolean {
  return statFields(processId)?.[0] === "Z";
}

/** The fields of /proc/[pid]/stat after the command name, which may hold spaces: [0] is the state, [19] the start time. */
function statFields(processId: number): string[] | undefined {
  const text = readText(`/proc/${processId}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
