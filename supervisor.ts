import { type ChildProcess, fork } from "node:child_process";
import type { Logger } from "pino";
import { roleAnswers } from "./readiness.ts";
import type { Listener, Metrics } from "./role.ts";
import type { RoleName } from "./roles.ts";

/**
 * Runs each role in a process of its own, or in several, so that one role's work or crash never touches another.
 *
 *     starting ──listening──▶ running ──exit──▶ waiting ──RESTART_DELAY──▶ starting
 *        └──────────── stop() from any state ───────────▶ stopping ──exit──▶ stopped
 *
 * A role that restarts gets the ports it had. A supervisor that dies takes its roles with it: they see their channel close.
 */

const RESTART_DELAY_MS = 500;
/**
 * A small young generation halves the resident memory of an idle session (`bench/idle-memory.ts`): the gateway makes
 * little garbage that lives.
 */
const NODE_OPTIONS_OF: Readonly<Record<RoleName, readonly string[]>> = {
  gateway: ["--max-semi-space-size=4"],
  stream: [],
  api: [],
};
const METRICS_WAIT_MS = 2_000;
/** Time to end after SIGTERM, beyond what draining may take; a role that hangs is then killed. */
const STOP_PATIENCE_MS = 25_000;

/** What a role's process and its supervisor say to each other. */
export type RoleMessage =
  | { kind: "listening"; listeners: Listener[] }
  | { kind: "metricsWanted"; requestId: number }
  | { kind: "metrics"; requestId: number; metrics: Metrics[] };

export type Supervisor = { listeners: Listener[]; stop(): Promise<void> };

class RoleProcess {
  readonly role: RoleName;
  readonly #environment: Record<string, string>;
  readonly #log: Logger;
  readonly #onMetricsWanted: (from: RoleProcess, requestId: number) => void;
  readonly #metricsAnswers = new Map<number, (metrics: Metrics[]) => void>();
  #child: ChildProcess | undefined;
  #stopping = false;
  /** A role that has never listened is not restarted: the start of the service fails with it. */
  #hasListened = false;
  #requestId = 0;

  constructor(
    role: RoleName,
    environment: Record<string, string>,
    log: Logger,
    onMetricsWanted: (from: RoleProcess, requestId: number) => void,
  ) {
    this.role = role;
    this.#environment = { ...environment };
    this.#log = log;
    this.#onMetricsWanted = onMetricsWanted;
  }

  /** Starts the process; resolves with its listeners, rejects when it exits before it listens. */
  start(): Promise<Listener[]> {
    return new Promise((resolve, reject) => {
      const child = fork(new URL("main.ts", import.meta.url).pathname, ["serve", "--roles", this.role], {
        env: this.#environment,
        execArgv: [...NODE_OPTIONS_OF[this.role]],
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      this.#child = child;
      child.on("message", (message: RoleMessage) => {
        if (message.kind === "listening") {
          for (const listener of message.listeners) this.#environment[listener.setting] = String(listener.port);
          this.#hasListened = true;
          resolve(message.listeners);
        } else if (message.kind === "metricsWanted") this.#onMetricsWanted(this, message.requestId);
        else this.#metricsAnswers.get(message.requestId)?.(message.metrics);
      });
      const ended = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#child = undefined;
        reject(new Error(`role ${this.role} ended before it was ready (${signal ?? `exit code ${code}`})`));
        if (!this.#stopping && this.#hasListened) this.#restartLater(code, signal);
      };
      child.once("exit", ended);
      child.on("error", (error) => {
        this.#log.warn({ role: this.role, err: error }, "role's process or the channel to it failed");
        // A process that could not be made never exits; one that has died under a message does.
        if (child.pid === undefined) ended(null, null);
      });
    });
  }

  #restartLater(code: number | null, signal: NodeJS.Signals | null): void {
    this.#log.error({ role: this.role, code, signal }, "role ended unexpectedly, restarting");
    setTimeout(() => {
      if (!this.#stopping)
        this.start().catch((error) => this.#log.error({ role: this.role, err: error }, "role failed to start"));
    }, RESTART_DELAY_MS);
  }

  send(message: RoleMessage): void {
    if (this.#child?.connected) this.#child.send(message);
  }

  /** Metrics of this role and whether it answered: a process that hangs does not, and neither does one that is down. */
  metrics(): Promise<Metrics[]> {
    const requestId = ++this.#requestId;
    return new Promise((resolve) => {
      const finish = (metrics: Metrics[] | undefined) => {
        clearTimeout(timer);
        this.#metricsAnswers.delete(requestId);
        resolve([...(metrics ?? []), [roleAnswers(this.role, metrics !== undefined)]]);
      };
      const timer = setTimeout(finish, METRICS_WAIT_MS, undefined);
      this.#metricsAnswers.set(requestId, finish);
      this.send({ kind: "metricsWanted", requestId });
    });
  }

  stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child) return Promise.resolve();
    return new Promise((resolve) => {
      const patienceMs = Number(this.#environment.DRAIN_TIMEOUT_MS ?? 0) + STOP_PATIENCE_MS;
      const timer = setTimeout(() => {
        this.#log.error({ role: this.role, patienceMs }, "role does not end, it is killed");
        child.kill("SIGKILL");
      }, patienceMs);
      child.once("exit", () => {
        clearTimeout(timer);
        resolve();
      });
      child.kill("SIGTERM");
    });
  }
}

/** Starts a process a given role, in order; `stop` ends them in reverse. Rejects when `signal` aborts while they start. */
export async function openSupervisor(
  roles: readonly RoleName[],
  environment: Record<string, string>,
  log: Logger,
  signal: AbortSignal,
): Promise<Supervisor> {
  const running: RoleProcess[] = [];
  const answerMetrics = (from: RoleProcess, requestId: number) => {
    const others = running.filter((other) => other !== from);
    void Promise.all(others.map((other) => other.metrics())).then((metrics) =>
      from.send({ kind: "metrics", requestId, metrics: metrics.flat() }),
    );
  };
  const listeners: Listener[] = [];
  const stop = async () => {
    for (const role of running.reverse()) await role.stop();
  };
  // A role that is starting exits, and its start rejects.
  const callOff = () => void running.at(-1)?.stop();
  signal.addEventListener("abort", callOff);
  try {
    for (const role of roles) {
      signal.throwIfAborted();
      const started = new RoleProcess(role, environment, log, answerMetrics);
      running.push(started);
      listeners.push(...(await started.start()));
    }
  } catch (error) {
    await stop();
    throw error;
  } finally {
    signal.removeEventListener("abort", callOff);
  }
  return { listeners, stop };
}
