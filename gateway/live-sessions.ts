import { CONFLICT_NOTE_INTERVAL_MS } from "./maxima.ts";

/** What this file needs to know of a session. */
export type LiveSession = {
  readonly remoteAddress: string;
  close(reason: "takeover" | "superseded"): void;
};

type Entry<Session> = { session: Session; conflictNotedAtMs: number };

/**
 * The live session of each device. The newest connection wins: devices reconnect before their old connection has timed
 * out, and only the newest can still take an ack. From the same address that is a takeover; from another it may be two
 * devices under one identity, which the caller notes.
 */
export class LiveSessions<Session extends LiveSession> {
  readonly #byDevice = new Map<number, Entry<Session>>();

  /**
   * Enters `session` and closes the one it replaces. Returns the replaced session when this is to be noted as a
   * conflict: two sessions that supersede each other in turn are noted once per interval.
   */
  enter(deviceId: number, session: Session, monotonicMs: number): Session | undefined {
    const entry = this.#byDevice.get(deviceId);
    if (entry === undefined) {
      this.#byDevice.set(deviceId, { session, conflictNotedAtMs: Number.NEGATIVE_INFINITY });
      return undefined;
    }
    const previous = entry.session;
    entry.session = session;
    const isElsewhere = previous.remoteAddress !== session.remoteAddress;
    previous.close(isElsewhere ? "superseded" : "takeover");
    if (!isElsewhere || monotonicMs - entry.conflictNotedAtMs < CONFLICT_NOTE_INTERVAL_MS) return undefined;
    entry.conflictNotedAtMs = monotonicMs;
    return previous;
  }

  find(deviceId: number): Session | undefined {
    return this.#byDevice.get(deviceId)?.session;
  }

  /** True when `session` was still the device's live one. */
  leave(deviceId: number, session: Session): boolean {
    if (this.#byDevice.get(deviceId)?.session !== session) return false;
    this.#byDevice.delete(deviceId);
    return true;
  }
}
