import { pause } from "../pause.ts";
import type { WriteLines } from "./influx-writer.ts";
import type { FixLine } from "./line-protocol.ts";

export const RETRY_MS_MIN = 500;
export const RETRY_MS_MAX = 30_000;
/** A server that asks for more patience than this is asked again nevertheless. */
const RETRY_AFTER_MS_MAX = 600_000;

export type Delivery = {
  write: WriteLines;
  closing: AbortSignal;
  /** Called for each failure; `attempt` counts from 1 since the last success. */
  onFailed: (reason: string, attempt: number) => void;
  onStored: (lines: number, expired: number) => void;
  /** A point that the server takes in no form, or only without its attributes. */
  onRefused: (reason: string, kept: boolean) => void;
  /** First pause; doubles up to `RETRY_MS_MAX`. */
  retryMsMin?: number;
};

/**
 * Sends lines until the server has stored them all; resolves false when closing came first. A refused batch is halved
 * until the refused line is alone; that goes once more without the device's own attributes, and is then given up.
 */
export async function deliver(lines: readonly FixLine[], delivery: Delivery): Promise<boolean> {
  const full = lines.map((line) => line.full);
  const result = await insist(full, delivery);
  if (result === undefined) return false;
  if (result.kind === "stored") return true;
  const [only] = lines;
  if (lines.length > 1) {
    const middle = lines.length >> 1;
    return (await deliver(lines.slice(0, middle), delivery)) && (await deliver(lines.slice(middle), delivery));
  }
  if (only === undefined) return true;
  const bare = await insist([only.bare()], delivery);
  if (bare === undefined) return false;
  delivery.onRefused(result.reason, bare.kind === "stored");
  return true;
}

type Settled = { kind: "stored" } | { kind: "refused"; reason: string };

/** Repeats a request until it is stored or refused; undefined when closing came first. */
async function insist(lines: readonly string[], delivery: Delivery): Promise<Settled | undefined> {
  const { write, closing, onFailed, onStored, retryMsMin = RETRY_MS_MIN } = delivery;
  for (let attempt = 1; !closing.aborted; attempt++) {
    const result = await write(lines, closing);
    switch (result.kind) {
      case "stored":
        onStored(lines.length, result.expired);
        return result;
      case "refused":
        return result;
      case "failed":
        if (closing.aborted) return undefined;
        onFailed(result.reason, attempt);
        await pause(
          Math.max(backoffMs(attempt, retryMsMin), Math.min(result.retryAfterMs, RETRY_AFTER_MS_MAX)),
          closing,
        );
    }
  }
  return undefined;
}

/** Doubles with each attempt; half of it is random, so that many clients don't come back at once. */
function backoffMs(attempt: number, retryMsMin: number): number {
  const fullMs = Math.min(retryMsMin * 2 ** (attempt - 1), RETRY_MS_MAX);
  return fullMs / 2 + (Math.random() * fullMs) / 2;
}
