import { parentPort, workerData } from "node:worker_threads";
import type { RoadNetwork } from "../roads/network-file.ts";
import { viewRoads } from "../roads/open.ts";
import { orderRoute } from "./route-order.ts";
import type { SequencingAnswer, SequencingTask } from "./sequencing-thread.ts";
import { travelTimes } from "./travel-times.ts";

/** The thread of `sequencing-thread.ts`: one task after the other. */

const buffer = workerData as SharedArrayBuffer | null;
let roads: RoadNetwork | undefined;

parentPort!.on("message", ({ id, task }: { id: number; task: SequencingTask }) => {
  if (buffer !== null) roads ??= viewRoads(buffer);
  const { places, seed, openStart, openEnd, ...rest } = task;
  const { travelS, basis, offRoad } = travelTimes(places, roads);
  for (let stop = 0; stop < places.length; stop++) {
    if (openStart) travelS[(places.length - 2) * places.length + stop] = 0;
    if (openEnd) travelS[stop * places.length + places.length - 1] = 0;
  }
  const answer: SequencingAnswer = { ...orderRoute({ ...rest, travelS }, seed), basis, offRoad };
  parentPort!.postMessage({ id, answer });
});
