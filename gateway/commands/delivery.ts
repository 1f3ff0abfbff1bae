import type { CommandOutcome, OpenCommand } from "#store/command-delivery.ts";
import { COMMAND_LEASE_MARGIN_MS } from "../maxima.ts";
import type { CommandAdapter, EncodedCommand } from "./adapter.ts";
import { type CommittedFrame, encodeFor, readOutcome } from "./bytes-of-command.ts";
import type { CommandDeps, CommandLink } from "./command-deps.ts";
import { judge, requiredCondition } from "./condition.ts";
import { recover } from "./recovery.ts";

/** What a delivery needs of those who begin it. */
export type DeliveryHost = CommandDeps & {
  /** Who claims the commands: this gateway. */
  holder: string;
  isClosing: () => boolean;
  linkOf: (deviceId: number) => CommandLink | undefined;
  /** True while the evidence for this command's condition may still come. */
  hasPatience: (command: OpenCommand) => boolean;
  /** No command is open for the device any more. */
  onNoneOpen: (deviceId: number) => void;
  /** The delivery has come to its end: what changes from now on needs another. */
  onEnd: (deviceId: number) => void;
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

/**
 * The work on one device's commands: one at a time, one after another, until none can be sent.
 *
 *     look ──none──▶ idle                               ┌── answered (journalled) ─▶ settled ──▶ look
 *       │──condition speaks against it──▶ refused       │── timeout, connection lost ─▶ released ──▶ look
 *       │──no evidence yet──▶ idle, looked at again     │
 *       └──claimed ──▶ written between two answers ──▶ waiting
 */
export class Delivery {
  readonly #host: DeliveryHost;
  readonly #deviceId: number;
  /** A connection was made since: what another gateway has in flight was sent to one that is gone. */
  #takesOver: boolean;
  /** Something changed meanwhile: look again at the end. */
  #again = false;
  #waiting: Waiting | undefined;
  /** Resolves when it has ended. Never rejects. */
  readonly done: Promise<void>;

  constructor(host: DeliveryHost, deviceId: number, takesOver: boolean) {
    this.#host = host;
    this.#deviceId = deviceId;
    this.#takesOver = takesOver;
    this.done = this.#work();
  }

  /** Something changed: what is open is looked at again. */
  lookAgain(takesOver: boolean): void {
    this.#again = true;
    this.#takesOver ||= takesOver;
  }

  isWaitingFor(commandId: string): boolean {
    return this.#waiting?.command.commandId === commandId;
  }

  /** The device said something, and it is journalled: it may be the answer that is waited for. */
  committed(frame: CommittedFrame): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const outcome = readOutcome(this.#host.findDecoder, waiting.command, waiting, frame);
    if (outcome !== undefined) waiting.end({ kind: "answered", outcome });
  }

  /** A connection ended: no answer to what went out on it comes any more. */
  disconnected(link: CommandLink): void {
    if (this.#waiting?.link === link) this.giveUp();
  }

  /** The answer that is waited for is waited for no longer. */
  giveUp(): void {
    this.#waiting?.end({ kind: "lost" });
  }

  checkTime(monotonicMs: number): void {
    if (this.#waiting !== undefined && monotonicMs >= this.#waiting.untilMs) this.#waiting.end({ kind: "timeout" });
  }

  async #work(): Promise<void> {
    const { isClosing, onError, onEnd } = this.#host;
    try {
      do {
        this.#again = false;
        while (await this.#step()) if (isClosing()) break;
      } while (this.#again && !isClosing());
    } catch (error) {
      onError(error);
    }
    onEnd(this.#deviceId);
  }

  /** One command, or one reason to stop; true to go on with the next. */
  async #step(): Promise<boolean> {
    const { store, times, tally, holder, linkOf, hasPatience, onNoneOpen } = this.#host;
    const link = linkOf(this.#deviceId);
    if (link === undefined) return false;
    const command = await store.next(this.#deviceId);
    if (command === undefined) {
      if (!this.#again) onNoneOpen(this.#deviceId);
      return false;
    }
    if (command.holder !== null) {
      if (!this.#takesOver) return false;
      this.#takesOver = false;
      await recover(this.#host, command);
      return true;
    }
    const encoded = encodeFor(link.protocol, command);
    if ("misfit" in encoded) {
      tally.misfit += 1;
      await this.#end(command, "failed", encoded.misfit);
      return true;
    }
    const verdict = judge(requiredCondition(command.class, command.condition), command.observed);
    if (verdict.kind === "unknown" && hasPatience(command)) return false;
    if (verdict.kind !== "met") {
      tally.refused += 1;
      await this.#end(command, "refused", verdict.reason);
      return true;
    }
    const leaseMs = times.answerTimeoutMs + COMMAND_LEASE_MARGIN_MS;
    const isOurs = await store.claim({ commandId: command.commandId, holder, leaseMs });
    if (isOurs) await this.#send(command, link, encoded);
    return isOurs;
  }

  async #end({ commandId, observed }: OpenCommand, state: "refused" | "failed", reason: string): Promise<void> {
    const { store, holder } = this.#host;
    await store.endWaiting({ commandId, holder }, { state, reason, observed: state === "refused" ? observed : null });
  }

  async #send(
    command: OpenCommand,
    link: CommandLink,
    { adapter, encoded }: { adapter: CommandAdapter; encoded: EncodedCommand },
  ): Promise<void> {
    const { store, times, tally, holder, isClosing, linkOf } = this.#host;
    const attempt = { commandId: command.commandId, holder, attempt: command.attempts + 1 };
    const { answerTimeoutMs, lateAnswerMs } = times;
    const ended = this.#wait({ command, adapter, key: encoded.key, link }, answerTimeoutMs);
    const isLive = !isClosing() && linkOf(command.deviceId) === link;
    if (!isLive || !(await link.sendCommand(encoded.bytes))) {
      this.#waiting = undefined;
      await store.release(attempt, "the connection was not free to send it", { isUnsent: true });
      return;
    }
    tally.sent += 1;
    if (!encoded.isAnswered) this.#waiting = undefined;
    await store.noteSent(attempt, encoded.isAnswered);
    if (!encoded.isAnswered) return;
    const ending = await ended;
    this.#waiting = undefined;
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
        await this.#wait({ command, adapter, key: null, link }, lateAnswerMs);
        this.#waiting = undefined;
    }
  }

  #wait(about: Omit<Waiting, "untilMs" | "end">, durationMs: number): Promise<Ending> {
    return new Promise((resolve) => {
      this.#waiting = { ...about, untilMs: this.#host.monotonicMs() + durationMs, end: resolve };
    });
  }
}
