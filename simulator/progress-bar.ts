import { SingleBar } from "cli-progress";
import type { Progress } from "./index.ts";

export type ProgressBar = { update(progress: Progress): void; stop(): void };

/** A line on the terminal that shows how a run of `seconds` (null: no end) goes; undefined where no terminal is. */
export function openProgressBar(seconds: number | null): ProgressBar | undefined {
  if (!process.stderr.isTTY) return undefined;
  const format = `${seconds === null ? "" : "{bar} "}{elapsed} s · {acknowledged} of {made} records acknowledged · {busy} devices waiting`;
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true });
  bar.start(seconds ?? 1, 0, { elapsed: 0, acknowledged: 0, made: 0, busy: 0 });
  return {
    update({ elapsedS, acknowledged, made, busyDevices }) {
      const elapsed = Math.round(elapsedS);
      bar.update(Math.min(elapsed, seconds ?? 1), { elapsed, acknowledged, made, busy: busyDevices });
    },
    stop: () => bar.stop(),
  };
}
