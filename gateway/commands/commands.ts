import { randomUUID } from "node:crypto";
import type { OpenCommand } from "#store/command-delivery.ts";
import { COMMAND_DEVICES_MAX, COMMAND_LAPSED_MAX } from "../maxima.ts";
import type { CommittedFrame } from "./bytes-of-command.ts";
import type { CommandDeps, CommandLink } from "./command-deps.ts";
import { Delivery, type DeliveryHost } from "./delivery.ts";
import { recover } from "./recovery.ts";

/**
 * Hands out waiting commands to connected devices: hears of commands and connections, and has a `Delivery` begun where
 * both are there.
 *
 * Nothing here is waited for by an ack. An idle device costs nothing: connections are found by device when needed.
 */
export class Commands {
  readonly #deps: CommandDeps;
  readonly #host: DeliveryHost;
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
    this.#host = {
      ...deps,
      holder: this.#holder,
      isClosing: () => this.#isClosing,
      linkOf: (deviceId) => this.#linkOf(deviceId),
      hasPatience: (command) => this.#hasPatience(command),
      onNoneOpen: (deviceId) => void this.#open.delete(deviceId),
      onEnd: (deviceId) => void this.#deliveries.delete(deviceId),
    };
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
    this.#deliveries.get(deviceId)?.disconnected(link);
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
    this.#deliveries.get(deviceId)?.committed(frame);
  }

  /** Keeps the time limits. */
  sweep(monotonicMs: number): void {
    for (const delivery of this.#deliveries.values()) delivery.checkTime(monotonicMs);
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
    for (const delivery of running) delivery.giveUp();
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
        const isOurs = this.#deliveries.get(command.deviceId)?.isWaitingFor(command.commandId);
        if (isOurs !== true) await recover(this.#deps, command);
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
    if (running !== undefined) running.lookAgain(takesOver);
    else if (!this.#isClosing && this.#linkOf(deviceId) !== undefined) {
      this.#deliveries.set(deviceId, new Delivery(this.#host, deviceId, takesOver));
    }
  }

  #hasPatience({ deviceId, commandId }: OpenCommand): boolean {
    const nowMs = this.#deps.monotonicMs();
    const awaited = this.#evidenceAwaited.get(deviceId);
    if (awaited?.commandId === commandId) return nowMs - awaited.sinceMs < this.#deps.times.evidencePatienceMs;
    this.#evidenceAwaited.set(deviceId, { commandId, sinceMs: nowMs });
    return this.#deps.times.evidencePatienceMs > 0;
  }
}
