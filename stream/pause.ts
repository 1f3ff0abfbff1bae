import { setTimeout as sleep } from "node:timers/promises";

/** Resolves after `waitMs`, or at once when `ending` is aborted. */
export async function pause(waitMs: number, ending: AbortSignal): Promise<void> {
  try {
    await sleep(waitMs, undefined, { signal: ending });
  } catch (error) {
    if (!ending.aborted) throw error;
  }
}
