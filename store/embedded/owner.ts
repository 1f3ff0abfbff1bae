import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { EmbeddedPostgresError } from "./error.ts";
import { processStamp } from "./process.ts";

/**
 * Who uses a data folder: a file with the process id and the start time of its owner. A process that was killed leaves
 * the file behind, but no process of that id and start time, so the next start takes over at once.
 */

type Owner = { processId: number; stamp: string };

const ATTEMPTS_MAX = 5;
/** Folders that this very process holds: its own id in a file of an earlier life (containers reuse ids) is no owner. */
const held = new Set<string>();

export async function claimFolder(file: string): Promise<{ release(): Promise<void> }> {
  if (held.has(file)) throw inUse(file, process.pid);
  const mine: Owner = { processId: process.pid, stamp: processStamp(process.pid) ?? "unknown" };
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(mine), { mode: 0o644 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (await linked(draft, file)) {
        held.add(file);
        return { release: () => release(file) };
      }
      const owner = await readOwner(file);
      if (owner !== undefined && isLive(owner)) throw inUse(file, owner.processId);
      await setAside(file);
    }
    throw inUse(file, 0);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The process that holds the folder now, if any. */
export async function findOwner(file: string): Promise<number | undefined> {
  const owner = await readOwner(file);
  return owner !== undefined && (held.has(file) || isLive(owner)) ? owner.processId : undefined;
}

async function release(file: string): Promise<void> {
  held.delete(file);
  await rm(file, { force: true });
}

// Creating a link is atomic and fails when the name exists, which makes the finished file appear all at once.
async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Owner;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function isLive(owner: Owner): boolean {
  if (owner.processId === process.pid) return false;
  const stamp = processStamp(owner.processId);
  return stamp !== undefined && stamp === owner.stamp;
}

// Renaming first: of two processes that find the same stale file, only one gets it.
async function setAside(file: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
    await rm(aside, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function inUse(file: string, processId: number): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    "EMBEDDED_IN_USE",
    `the embedded database is in use by process ${processId} (${file}): stop it, or choose another data folder`,
  );
}
