import { randomUUID } from "node:crypto";
import type { ProtocolDecoder, ProtocolName } from "#decoders/decoder.ts";
import type { CommandOutcome, CommandStore, OpenCommand } from "#store/command-delivery.ts";
import {
  COMMAND_DEVICES_MAX,
  COMMAND_FRAMES_SEARCHED_MAX,
  COMMAND_LAPSED_MAX,
  COMMAND_LEASE_MARGIN_MS,
} from "../maxima.ts";
import type { CommandAdapter, EncodedCommand } from "./adapter.ts";
import { type CommittedFrame, encodeFor, readOutcome } from "./bytes-of-command.ts";
import { judge, requiredCondition } from "./condition.ts";
import { findCommandAdapter } from "./prepare.ts";

/** A connection that can hand bytes to its device. */
export type CommandLink = {
  readonly protocol: ProtocolName;
  /** Writes the bytes between two answers; false where they were not written. */
  sendCommand(bytes: Uint8Array): boolean | Promise<boolean>;
};

export type CommandTimes = {
  /** How long an answer is waited for. */
  answerTimeoutMs: number;
  /** Where answers bear no id: how long a late one is let pass before the next command goes out. */
  lateAnswerMs: number;
  /** How long a fix is waited for that a condition can be judged by. */
  evidencePatienceMs: number;
  /** How often the table is looked at besides notifications. */
  pollMs: number;
};

export const COMMAND_OUTCOMES = ["sent", "ok", "error", "refused", "misfit", "timeout", "lost", "recovered"] as const;
export type CommandTally = Record<(typeof COMMAND_OUTCOMES)[number], number>;

export type CommandDeps = {
  store: CommandStore;
  times: CommandTimes;
  findDecoder: (protocol: ProtocolName) => ProtocolDecoder | undefined;
  /** The live connection of a device where it has one. */
  findLink: (deviceId: number) => CommandLink | undefined;
  tally: CommandTally;
  monotonicMs: () => number;
  onError: (error: unknown) => void;
};

type Ending = { kind: "answered"; outcome: CommandOutcome } | { kind: "timeout" } | { kind: "lost" };

type Waiting = {
  command: OpenCommand;
  adapter: CommandAdapter;
  key: string | null;
  link: CommandLink;
  untilMs: number;
  end: (ending: Ending) => void;
};

/** The work on one device's commands: one at a time, one after another. */
type Delivery = {
  /** A connection was made since: what another gateway has in flight was sent to one that is gone. */
  takesOver: boolean;
  /** Something changed meanwhile: look again at the end. */
  again: boolean;
  done: Promise<void>;
  waiting?: Waiting;
};

/**
 * Hands out waiting commands to connected devices and notes what became of them.
 *
 *     look ──none──▶ idle                               ┌── answered (journalled) ─▶ settled ──▶ look
 *       │──condition speaks against it──▶ refused       │── timeout, connection lost ─▶ released ──▶ look
 *       │──no evidence yet──▶ idle, looked at again     │
 *       └──claimed ──▶ written between two answers ──▶ waiting
 *
 * Nothing here is waited for by an ack. An idle device costs nothing: connections are found by device when needed.
 */
export class Commands {
  readonly #deps: CommandDeps;
  readonly #holder = randomUUID();
  /** Devices that have a command waiting or in flight, as far as heard. */
  #open = new Set<number>();
  readonly #heardDuringPoll = new Set<number>();
  readonly #deliveries = new Map<number, Delivery>();
  readonly #links = new Map<number, CommandLink>();
  readonly #evidenceAwaited = new Map<number, { commandId: string; sinceMs: number }>();
  #polledAtMs = Number.NEGATIVE_INFINITY;
  #polling: Promise<void> | undefined;
  #hasPolled = false;
  #isClosing = false;

  constructor(deps: CommandDeps) {
    this.#deps = deps;
    deps.store.onWaiting((deviceId) => this.#hear(deviceId));
    this.sweep(deps.monotonicMs());
  }

  /** Whether a command is open for the device, as far as heard. */
  isWaitingFor(deviceId: number): boolean {
    return this.#open.has(deviceId);
  }

  /** The device has a new connection. */
  connected(deviceId: number): void {
    this.#evidenceAwaited.delete(deviceId);
    if (this.#open.has(deviceId)) this.#serve(deviceId, true);
  }

  /** A connection ended, and what it brought is committed. */
  disconnected(deviceId: number, link: CommandLink): void {
    const waiting = this.#deliveries.get(deviceId)?.waiting;
    if (waiting?.link === link) waiting.end({ kind: "lost" });
  }

  /** For what is no session of a stream listener: a phone that subscribed at a broker, a device heard a moment ago. */
  attach(deviceId: number, link: CommandLink): void {
    this.#links.set(deviceId, link);
    this.connected(deviceId);
  }

  detach(deviceId: number, link: CommandLink): void {
    if (this.#links.get(deviceId) === link) this.#links.delete(deviceId);
    this.disconnected(deviceId, link);
  }

  /** The device said something, and it is journalled: it may be the answer that is waited for. */
  committed(deviceId: number, frame: CommittedFrame): void {
    const waiting = this.#deliveries.get(deviceId)?.waiting;
    if (waiting === undefined) return;
    const outcome = readOutcome(this.#deps.findDecoder, waiting.command, waiting, frame);
    if (outcome !== undefined) waiting.end({ kind: "answered", outcome });
  }

  /** Keeps the time limits. */
  sweep(monotonicMs: number): void {
    for (const { waiting } of this.#deliveries.values()) {
      if (waiting !== undefined && monotonicMs >= waiting.untilMs) waiting.end({ kind: "timeout" });
    }
    if (monotonicMs - this.#polledAtMs < this.#deps.times.pollMs || this.#isClosing) return;
    this.#polledAtMs = monotonicMs;
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined;
    });
  }

  /** Gives back what is in flight. Resolves when that is noted. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#deps.store.onWaiting(() => undefined);
    const running = [...this.#deliveries.values()];
    for (const { waiting } of running) waiting?.end({ kind: "lost" });
    await Promise.all([this.#polling, ...running.map(({ done }) => done)]);
  }

  #hear(deviceId: string): void {
    const id = Number(deviceId);
    if (deviceId === "" || !Number.isSafeInteger(id)) {
      this.#polledAtMs = Number.NEGATIVE_INFINITY;
      return;
    }
    this.#open.add(id);
    this.#heardDuringPoll.add(id);
    this.#serve(id, false);
  }

  async #poll(): Promise<void> {
    const { store, onError } = this.#deps;
    this.#heardDuringPoll.clear();
    try {
      const found = await store.sweep(this.#holder, {
        devicesMax: COMMAND_DEVICES_MAX,
        lapsedMax: COMMAND_LAPSED_MAX,
      });
      this.#open = new Set([...found.deviceIds, ...this.#heardDuringPoll]);
      for (const command of found.lapsed) {
        const waiting = this.#deliveries.get(command.deviceId)?.waiting;
        if (waiting?.command.commandId !== command.commandId) await this.#recover(command);
      }
      // Devices that connected before the first look.
      for (const deviceId of this.#open) this.#serve(deviceId, !this.#hasPolled);
      this.#hasPolled = true;
    } catch (error) {
      onError(error);
    }
  }

  #linkOf(deviceId: number): CommandLink | undefined {
    return this.#links.get(deviceId) ?? this.#deps.findLink(deviceId);
  }

  #serve(deviceId: number, takesOver: boolean): void {
    const running = this.#deliveries.get(deviceId);
    if (running !== undefined) {
      running.again = true;
      running.takesOver ||= takesOver;
      return;
    }
    if (this.#isClosing || this.#linkOf(deviceId) === undefined) return;
    const delivery: Delivery = { takesOver, again: false, done: Promise.resolve() };
    this.#deliveries.set(deviceId, delivery);
    delivery.done = this.#work(deviceId, delivery);
  }

  async #work(deviceId: number, delivery: Delivery): Promise<void> {
    try {
      do {
        delivery.again = false;
        while (await this.#step(deviceId, delivery)) if (this.#isClosing) break;
      } while (delivery.again && !this.#isClosing);
    } catch (error) {
      this.#deps.onError(error);
    }
    this.#deliveries.delete(deviceId);
  }

  /** One command, or one reason to stop; true to go on with the next. */
  async #step(deviceId: number, delivery: Delivery): Promise<boolean> {
    const { store, times, tally } = this.#deps;
    const link = this.#linkOf(deviceId);
    if (link === undefined) return false;
    const command = await store.next(deviceId);
    if (command === undefined) {
      if (!delivery.again) this.#open.delete(deviceId);
      return false;
    }
    if (command.holder !== null) {
      if (!delivery.takesOver) return false;
      delivery.takesOver = false;
      await this.#recover(command);
      return true;
    }
    const encoded = encodeFor(link.protocol, command);
    if ("misfit" in encoded) {
      tally.misfit += 1;
      await this.#end(command, "failed", encoded.misfit);
      return true;
    }
    const verdict = judge(requiredCondition(command.class, command.condition), command.observed);
    if (verdict.kind === "unknown" && this.#hasPatience(command)) return false;
    if (verdict.kind !== "met") {
      tally.refused += 1;
      await this.#end(command, "refused", verdict.reason);
      return true;
    }
    const leaseMs = times.answerTimeoutMs + COMMAND_LEASE_MARGIN_MS;
    const isOurs = await store.claim({ commandId: command.commandId, holder: this.#holder, leaseMs });
    if (isOurs) await this.#send(command, link, encoded, delivery);
    return isOurs;
  }

  /** True while the evidence for this command's condition may still come. */
  #hasPatience({ deviceId, commandId }: OpenCommand): boolean {
    const nowMs = this.#deps.monotonicMs();
    const awaited = this.#evidenceAwaited.get(deviceId);
    if (awaited?.commandId === commandId) return nowMs - awaited.sinceMs < this.#deps.times.evidencePatienceMs;
    this.#evidenceAwaited.set(deviceId, { commandId, sinceMs: nowMs });
    return this.#deps.times.evidencePatienceMs > 0;
  }

  async #end(command: OpenCommand, state: "refused" | "failed", reason: string): Promise<void> {
    const observed = state === "refused" ? command.observed : null;
    const holder = this.#holder;
    await this.#deps.store.endWaiting({ commandId: command.commandId, holder }, { state, reason, observed });
  }

  async #send(
    command: OpenCommand,
    link: CommandLink,
    { adapter, encoded }: { adapter: CommandAdapter; encoded: EncodedCommand },
    delivery: Delivery,
  ): Promise<void> {
    const { store, times, tally } = this.#deps;
    const attempt = { commandId: command.commandId, holder: this.#holder, attempt: command.attempts + 1 };
    const { answerTimeoutMs, lateAnswerMs } = times;
    const ended = this.#wait(delivery, { command, adapter, key: encoded.key, link }, answerTimeoutMs);
    const isLive = !this.#isClosing && this.#linkOf(command.deviceId) === link;
    if (!isLive || !(await link.sendCommand(encoded.bytes))) {
      delete delivery.waiting;
      await store.release(attempt, "the connection was not free to send it", { isUnsent: true });
      return;
    }
    tally.sent += 1;
    if (!encoded.isAnswered) delete delivery.waiting;
    await store.noteSent(attempt, encoded.isAnswered);
    if (!encoded.isAnswered) return;
    const ending = await ended;
    delete delivery.waiting;
    switch (ending.kind) {
      case "answered":
        tally[ending.outcome.result] += 1;
        await store.settle(attempt, ending.outcome);
        return;
      case "lost":
        tally.lost += 1;
        await store.release(attempt, "the connection ended before an answer came");
        return;
      case "timeout":
        tally.timeout += 1;
        await store.release(attempt, `no answer within ${answerTimeoutMs / 1_000} s`);
        if (encoded.key !== null) return;
        await this.#wait(delivery, { command, adapter, key: null, link }, lateAnswerMs);
        delete delivery.waiting;
    }
  }

  #wait(delivery: Delivery, about: Omit<Waiting, "untilMs" | "end">, durationMs: number): Promise<Ending> {
    return new Promise((resolve) => {
      delivery.waiting = { ...about, untilMs: this.#deps.monotonicMs() + durationMs, end: resolve };
    });
  }

  /** Settles what another gateway left in flight by what the journal holds: the answer, or none. */
  async #recover(command: OpenCommand): Promise<void> {
    const { store, tally, findDecoder } = this.#deps;
    if (command.holder === null) return;
    tally.recovered += 1;
    const attempt = { commandId: command.commandId, holder: command.holder, attempt: command.attempts };
    const adapter = findCommandAdapter(command.protocol);
    if (adapter !== undefined) {
      const { key } = adapter.encode(command);
      for (const frame of await store.framesSinceClaim(command, COMMAND_FRAMES_SEARCHED_MAX)) {
        const outcome = readOutcome(findDecoder, command, { adapter, key }, frame);
        if (outcome === undefined) continue;
        await store.settle(attempt, outcome);
        return;
      }
    }
    await store.release(attempt, "its gateway ended before an answer came");
  }
}
