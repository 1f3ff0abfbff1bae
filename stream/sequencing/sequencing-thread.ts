import { Worker } from "node:worker_threads";
import type { RoadNetwork } from "../roads/network-file.ts";
import type { RouteOrder } from "./route-order.ts";
import type { StopToPlace } from "./sequencing-problem.ts";
import type { Place, TravelTimes } from "./travel-times.ts";

/** Sequencing in a thread of its own, started with the first task: whoever asks goes on serving others. */

export type SequencingTask = {
  /** The stops in the order that there is, then the start, then the end. */
  places: readonly Place[];
  stops: readonly StopToPlace[];
  capacity: number;
  startS: number;
  endS: number;
  waitWeight: number;
  seed: number;
  /** Whether the way may begin, or end, at any stop: the leg there costs nothing. */
  openStart: boolean;
  openEnd: boolean;
};

export type SequencingAnswer = RouteOrder & Pick<TravelTimes, "basis" | "offRoad">;

export class SequencingBusyError extends Error {
  readonly code = "sequencing_busy";
}

/** Tasks that wait; a task takes a second or two. */
const WAITING_MAX = 20;

type Waiting = { resolve: (answer: SequencingAnswer) => void; reject: (error: Error) => void };

export class SequencingThread {
  readonly #roads: RoadNetwork | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #tasks = 0;

  constructor(roads: RoadNetwork | undefined) {
    this.#roads = roads;
  }

  /** Rejects with a `SequencingBusyError` when too many wait, or with why the thread died. */
  order(task: SequencingTask): Promise<SequencingAnswer> {
    if (this.#waiting.size >= WAITING_MAX) return Promise.reject(new SequencingBusyError("too many routes wait"));
    this.#worker ??= this.#start();
    const id = ++this.#tasks;
    this.#worker.postMessage({ id, task });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./sequencing-worker.ts", import.meta.url), {
      workerData: this.#roads?.buffer ?? null,
    });
    worker.on("message", ({ id, answer }: { id: number; answer: SequencingAnswer }) => {
      this.#waiting.get(id)?.resolve(answer);
      this.#waiting.delete(id);
    });
    worker.on("error", (error) => this.#fail(new Error("the sequencing thread failed", { cause: error })));
    worker.on("exit", () => this.#fail(new Error("the sequencing thread ended")));
    worker.unref();
    return worker;
  }

  #fail(error: Error): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
