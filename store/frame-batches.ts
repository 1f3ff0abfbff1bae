import { readByteaArray, readInt4Array, readTextArray, readTimestamptzArray } from "./binary-read.ts";
import type { FrameKind, JournalFrame } from "./journal.ts";

/** Columns of a row of `frame_batch` as `framesOfBatch` takes them, in a query with `rowMode: "array"`. */
export const BATCH_COLUMNS = `seq::float8 as seq, partition, array_send(device_id) as device_id,
  array_send(received_at) as received_at, array_send(kind) as kind, array_send(protocol) as protocol,
  array_send(transport) as transport, array_send(remote_address) as remote_address, array_send(bytes) as bytes`;

export type BatchRow = [
  seq: number,
  partition: number,
  deviceIds: Buffer,
  receivedAt: Buffer,
  kinds: Buffer,
  protocols: Buffer,
  transports: Buffer,
  remoteAddresses: Buffer,
  bytes: Buffer,
];

/** The frames of a row, in the order of their seq. Of all that they have only an address may be null. */
export function framesOfBatch(row: BatchRow): JournalFrame[] {
  const [seq, partition] = row;
  const deviceIds = readInt4Array(row[2]) as number[];
  const receivedAtMs = readTimestamptzArray(row[3]) as number[];
  const kinds = readTextArray(row[4]) as FrameKind[];
  const protocols = readTextArray(row[5]) as JournalFrame["protocol"][];
  const transports = readTextArray(row[6]) as JournalFrame["transport"][];
  const remoteAddresses = readTextArray(row[7]);
  const bytes = readByteaArray(row[8]) as Buffer[];
  return deviceIds.map((deviceId, index) => ({
    seq: seq + index,
    partition,
    deviceId,
    kind: elementOf(kinds, index),
    protocol: elementOf(protocols, index),
    transport: elementOf(transports, index),
    receivedAtMs: receivedAtMs[index]!,
    remoteAddress: elementOf(remoteAddresses, index),
    bytes: bytes[index]!,
  }));
}

/** One element stands for all. */
function elementOf<T>(elements: readonly T[], index: number): T {
  return elements[elements.length === 1 ? 0 : index] as T;
}
