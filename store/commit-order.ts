import { type NewFrame, PARTITIONS, partitionOf } from "./journal.ts";

/**
 * Where each frame of a commit stands in it, from 0 on: by partition, and within one as they came, which keeps the order of
 * each device. A function of the frames alone, so that a commit in doubt is looked for where it would be.
 */
export function placesInCommit(frames: readonly NewFrame[]): number[] {
  const next = new Array<number>(PARTITIONS + 1).fill(0);
  for (const { deviceId } of frames) next[placeable(deviceId) + 1]! += 1;
  for (let partition = 1; partition < PARTITIONS; partition++) next[partition]! += next[partition - 1]!;
  return frames.map(({ deviceId }) => next[partitionOf(deviceId)]!++);
}

const INT32_MAX = 2_147_483_647;

function placeable(deviceId: number): number {
  if (!Number.isInteger(deviceId) || deviceId < 0 || deviceId > INT32_MAX) throw new RangeError("not a device's id");
  return partitionOf(deviceId);
}
