import type { ProtocolName } from "#decoders/decoder.ts";
import type { CommandLink } from "./command-deps.ts";
import type { Commands } from "./commands.ts";

/** Writes bytes to a device that was just heard; false where they were not written. */
export type SendBack = (bytes: Uint8Array) => boolean | Promise<boolean>;

/**
 * Links to devices that have no connection of their own: those that send datagrams, and phones behind an external
 * broker. A device can be reached right after it was heard (the way back through its network is open then), and only
 * devices for which a command waits have a link, so the others cost nothing.
 */
export class HeardLinks {
  readonly #commands: Commands;
  readonly #windowMs: number;
  readonly #links = new Map<number, HeardLink>();

  /** `windowMs`: how long after it was heard a device is held to be within reach. */
  constructor(commands: Commands, windowMs: number) {
    this.#commands = commands;
    this.#windowMs = windowMs;
  }

  /** The device said something, and it is committed. */
  heard(deviceId: number, protocol: ProtocolName, send: SendBack, monotonicMs: number): void {
    const untilMs = monotonicMs + this.#windowMs;
    const link = this.#links.get(deviceId);
    if (link !== undefined) {
      link.send = send;
      link.untilMs = untilMs;
    } else if (this.#commands.isWaitingFor(deviceId)) {
      const opened = new HeardLink(protocol, send, untilMs);
      this.#links.set(deviceId, opened);
      this.#commands.attach(deviceId, opened);
    }
  }

  /** Lets go of the devices that were not heard for long, and of all of them when `monotonicMs` is infinite. */
  sweep(monotonicMs: number): void {
    for (const [deviceId, link] of this.#links) {
      if (monotonicMs < link.untilMs) continue;
      this.#links.delete(deviceId);
      this.#commands.detach(deviceId, link);
    }
  }
}

class HeardLink implements CommandLink {
  readonly protocol: ProtocolName;
  send: SendBack;
  untilMs: number;

  constructor(protocol: ProtocolName, send: SendBack, untilMs: number) {
    this.protocol = protocol;
    this.send = send;
    this.untilMs = untilMs;
  }

  sendCommand(bytes: Uint8Array): boolean | Promise<boolean> {
    return this.send(bytes);
  }
}
