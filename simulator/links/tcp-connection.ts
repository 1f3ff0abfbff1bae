import { connect, type Socket } from "node:net";
import type { LinkContext } from "../device.ts";
import { chooseFault, corrupted } from "./fault.ts";

/** What a link does with its connection. */
export type Talk = {
  /** First bytes of a connection; null where the protocol has no login. */
  login(): Uint8Array | null;
  /** Records may be sent from now on. */
  opened(): void;
  /** Takes one answer from the front and gives its length; 0 while it is incomplete, undefined where it is none. */
  take(bytes: Uint8Array): number | undefined;
  /** The connection is gone: what was under way is not answered any more. */
  hungUp(): void;
};

export type TcpConnection = {
  readonly state: "offline" | "waiting" | "connecting" | "loggingIn" | "open";
  /** The login was accepted. */
  open(): void;
  /** The login was refused: the next attempt comes after the longest pause. */
  refuse(): void;
  /** The gateway does its part: after a loss the first attempt comes after the shortest pause again. */
  prove(): void;
  write(bytes: Uint8Array): void;
  /** Writes a packet, to which one of the faults may happen. Damage that no checksum shows is cut off instead. */
  send(packet: Uint8Array, hasChecksum: boolean): void;
  /** Nothing came for too long. */
  giveUp(): void;
  lose(): void;
  setOnline(online: boolean): void;
};

const SPLIT_PAUSE_MS = 30;
const VANISH_AFTER_MAX_MS = 25;
const NOTHING = new Uint8Array(0);

/**
 * The life of a device's TCP connection. Dials at once, and again after each loss, until it is taken offline.
 *
 *     offline ⇄ waiting ──▶ connecting ──▶ (loggingIn ──▶) open
 *                 ▲   loss, no answer, strange answer       │
 *                 └─────────────────────────────────────────┘
 */
export function openTcpConnection(context: LinkContext, talk: Talk): TcpConnection {
  const { host, port, behaviour, random, counters } = context;
  let state: TcpConnection["state"] = "waiting";
  let socket: Socket | undefined;
  let received: Uint8Array = NOTHING;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;

  function dial(): void {
    state = "connecting";
    received = NOTHING;
    counters.connections++;
    const mine = connect({ host, port, noDelay: true });
    socket = mine;
    mine.on("connect", () => mine === socket && logIn());
    mine.on("data", (bytes) => mine === socket && receive(mine, bytes));
    mine.on("error", () => mine === socket && lose());
    mine.on("close", () => mine === socket && lose());
  }

  function logIn(): void {
    const login = talk.login();
    if (!login) {
      open();
      return;
    }
    state = "loggingIn";
    socket?.write(login);
    startTimer(behaviour.responseTimeoutMs, giveUp);
  }

  function open(): void {
    clearTimeout(timer);
    state = "open";
    talk.opened();
  }

  function receive(mine: Socket, bytes: Uint8Array): void {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    while (received.length > 0 && mine === socket) {
      const consumed = talk.take(received);
      if (consumed === 0) return;
      if (consumed === undefined) {
        counters.strangeAnswers++;
        lose();
        return;
      }
      received = received.subarray(consumed);
    }
  }

  function send(packet: Uint8Array, hasChecksum: boolean): void {
    const fault = chooseFault(behaviour.faults, random);
    if (fault) counters.faults++;
    const mine = socket;
    const cutAt = 1 + Math.floor(random() * (packet.length - 1));
    switch (fault === "corrupt" && !hasChecksum ? "cut" : fault) {
      case "cut":
        mine?.write(packet.subarray(0, cutAt));
        loseSoon(0);
        return;
      case "vanish":
        mine?.write(packet);
        loseSoon(random() * VANISH_AFTER_MAX_MS);
        return;
      case "split":
        mine?.write(packet.subarray(0, cutAt));
        mine?.cork();
        mine?.write(packet.subarray(cutAt));
        setTimeout(() => mine?.uncork(), SPLIT_PAUSE_MS);
        return;
      case "corrupt":
        mine?.write(corrupted(packet, random));
        return;
      case "duplicate":
      case null:
        mine?.write(packet);
        return;
    }
  }

  /** Nothing more is sent on this connection, which breaks in a moment; answers that still come are not heard. */
  function loseSoon(afterMs: number): void {
    const mine = socket;
    socket = undefined;
    mine?.removeAllListeners("data");
    mine?.resume();
    mine?.on("error", () => undefined);
    setTimeout(() => mine?.destroy(), afterMs);
    lose();
  }

  function giveUp(): void {
    counters.responseTimeouts++;
    lose();
  }

  function refuse(): void {
    counters.refusals++;
    failures = Math.max(failures, behaviour.backoffMs.length);
    lose();
  }

  function lose(): void {
    counters.connectionLosses++;
    hangUp();
    state = "waiting";
    const { backoffMs } = behaviour;
    const pauseMs = backoffMs[Math.min(failures++, backoffMs.length - 1)] ?? 0;
    startTimer(pauseMs * (0.75 + 0.5 * random()), dial);
  }

  function hangUp(): void {
    clearTimeout(timer);
    const old = socket;
    socket = undefined;
    old?.destroy();
    talk.hungUp();
  }

  function setOnline(online: boolean): void {
    if (online === (state !== "offline")) return;
    hangUp();
    state = online ? "waiting" : "offline";
    failures = 0;
    if (online) dial();
  }

  function startTimer(afterMs: number, action: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(action, afterMs);
  }

  dial();
  return {
    get state() {
      return state;
    },
    ...{ open, refuse, giveUp, lose, send, setOnline },
    prove: () => {
      failures = 0;
    },
    write: (bytes) => socket?.write(bytes),
  };
}
