import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export type RoleProcessOptions = {
  role: string;
  /** Folder of the program to run. */
  checkout: string;
  environment: Readonly<Record<string, string>>;
};

/** One role of the service as a process of its own, started again whenever it ends, as an init system would. */
export type RoleProcess = {
  readonly role: string;
  /** Ends that nobody asked for, after the role had been ready. */
  readonly crashes: readonly string[];
  /** Resolves when the role listens; at once when it does already. */
  ready(): Promise<void>;
  /** SIGKILL. The next process starts after `restartAfterMs`. */
  kill(restartAfterMs: number): void;
  /** SIGTERM, and SIGKILL for a role that does not end in time. */
  stop(): Promise<void>;
};

const RESTART_AFTER_CRASH_MS = 300;
const STOP_WITHIN_MS = 8_000;
/** A role starts in 3 to 4 s of CPU time; a machine that is busy with other work gives it a tenth of a core. */
const READY_WITHIN_MS = 150_000;
const LINES_KEPT = 40;
const LISTENING = /^listening /;

/**
 *     starting ──first "listening" line──▶ ready ──exit──▶ waiting ──pause──▶ starting
 *         └────────────exit──────────────────────────────────┘        stop() from any state ──▶ stopped
 */
export function startRoleProcess({ role, checkout, environment }: RoleProcessOptions): RoleProcess {
  const crashes: string[] = [];
  let lines: string[] = [];
  let child: ChildProcess | undefined;
  let isReady = Promise.withResolvers<void>();
  let killed: { restartAfterMs: number } | undefined;
  let stopping = false;
  let restartTimer: NodeJS.Timeout | undefined;

  function start(): void {
    const mine = spawn(process.execPath, ["main.ts", "serve", "--roles", role], {
      cwd: checkout,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = mine;
    let listening = false;
    createInterface({ input: mine.stdout }).on("line", (line) => {
      keep(line);
      if (listening || !LISTENING.test(line)) return;
      listening = true;
      isReady.resolve();
    });
    createInterface({ input: mine.stderr }).on("line", keep);
    mine.once("exit", (code, signal) => {
      child = undefined;
      if (stopping) return;
      if (listening && !killed) {
        isReady = Promise.withResolvers<void>();
        crashes.push(`${role} ended (${signal ?? `exit code ${code}`}):\n${lines.join("\n")}`);
      }
      const pauseMs = killed?.restartAfterMs ?? RESTART_AFTER_CRASH_MS;
      killed = undefined;
      restartTimer = setTimeout(start, pauseMs);
    });
  }

  function keep(line: string): void {
    lines = [...lines.slice(1 - LINES_KEPT), line];
  }

  async function ready(): Promise<void> {
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`role ${role} is not ready after ${READY_WITHIN_MS} ms:\n${lines.join("\n")}`)),
      READY_WITHIN_MS,
    );
    try {
      await Promise.race([isReady.promise, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  function kill(restartAfterMs: number): void {
    if (!child) return;
    killed = { restartAfterMs };
    isReady = Promise.withResolvers<void>();
    child.kill("SIGKILL");
  }

  async function stop(): Promise<void> {
    stopping = true;
    clearTimeout(restartTimer);
    const last = child;
    if (!last) return;
    const ended = new Promise((resolve) => last.once("exit", resolve));
    last.kill("SIGTERM");
    const timer = setTimeout(() => last.kill("SIGKILL"), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  }

  start();
  return { role, crashes, ready, kill, stop };
}
