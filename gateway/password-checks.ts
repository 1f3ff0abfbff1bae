import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { addressKey } from "./connection-limits.ts";
import type { KnownDevice, VerifyPassword } from "./gateway-deps.ts";
import {
  PASSWORD_CHECKS_AT_ONCE,
  PASSWORD_CHECKS_WAITING_MAX,
  PASSWORD_TRIES_PER_MINUTE,
  PASSWORD_TRY_KEYS_MAX,
  PASSWORDS_REMEMBERED_MAX,
} from "./maxima.ts";
import { TokenBuckets } from "./token-buckets.ts";

/** Setting of a device that holds the hash of its password. */
const PASSWORD_HASH_SETTING = "auth.passwordHash";

/** `busy`: too many wait, or this address tried too often: nothing was found out. */
export type PasswordFinding = "right" | "wrong" | "busy";

/**
 * Checks passwords of devices. The hash is made to be slow, so checks are few at once, wait in a bounded line, and are
 * limited for each device and address; a password that was right is remembered (as a keyed digest) until it changes.
 */
export class PasswordChecks {
  readonly #verify: VerifyPassword;
  readonly #remembered = new Map<string, Buffer>();
  readonly #digestKey = randomBytes(32);
  readonly #tries = new TokenBuckets(PASSWORD_TRIES_PER_MINUTE / 60, PASSWORD_TRIES_PER_MINUTE, PASSWORD_TRY_KEYS_MAX);
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(verify: VerifyPassword) {
    this.#verify = verify;
  }

  async check(
    uid: string,
    stored: string,
    given: Uint8Array,
    from: { remoteAddress: string; monotonicMs: number },
  ): Promise<PasswordFinding> {
    const digest = createHmac("sha256", this.#digestKey).update(given).digest();
    const remembered = this.#remembered.get(stored);
    if (remembered !== undefined && timingSafeEqual(remembered, digest)) return "right";
    if (!this.#tries.take(`${uid} ${addressKey(from.remoteAddress)}`, from.monotonicMs)) return "busy";
    if (!(await this.#enter())) return "busy";
    try {
      if (!(await this.#verify(given, stored))) return "wrong";
    } finally {
      this.#leave();
    }
    this.#remember(stored, digest);
    return "right";
  }

  sweep(monotonicMs: number): void {
    this.#tries.sweep(monotonicMs);
  }

  #remember(stored: string, digest: Buffer): void {
    this.#remembered.set(stored, digest);
    const oldest = this.#remembered.keys().next().value;
    if (this.#remembered.size > PASSWORDS_REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest);
  }

  /** Waits for a place; false when the line is full. */
  async #enter(): Promise<boolean> {
    if (this.#running < PASSWORD_CHECKS_AT_ONCE) {
      this.#running += 1;
      return true;
    }
    if (this.#waiting.length >= PASSWORD_CHECKS_WAITING_MAX) return false;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return true;
  }

  /** Hands the place on. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

/** The hash of the device's password; undefined where it has none. */
export function passwordHashOf(device: KnownDevice): string | undefined {
  const hash = device.settings?.[PASSWORD_HASH_SETTING];
  return typeof hash === "string" ? hash : undefined;
}
