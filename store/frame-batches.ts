import { BinaryReader } from "./binary-read.ts";
import type { FrameKind, JournalFrame } from "./journal.ts";

/** A row `b` of `frame_batch` in one value, as `framesOfBatch` takes it. Measured for small rows: a third of one a column. */
export const PACKED_BATCH = `int8send(b.seq) || int2send(b.partition) || array_send(b.device_id)
  || array_send(b.received_at) || array_send(b.kind) || array_send(b.protocol) || array_send(b.transport)
  || array_send(b.remote_address) || array_send(b.bytes) as packed`;

export type BatchRow = { packed: Buffer };

/** The frames of a row, in the order of their seq. Of all that they have only an address may be null. */
export function framesOfBatch({ packed }: BatchRow): JournalFrame[] {
  const reader = new BinaryReader(packed);
  const seq = reader.int8();
  const partition = reader.int2();
  const deviceIds = reader.int4s();
  const receivedAtMs = reader.timesMs();
  const kinds = reader.texts() as FrameKind[];
  const protocols = reader.texts() as JournalFrame["protocol"][];
  const transports = reader.texts() as JournalFrame["transport"][];
  const remoteAddresses = reader.texts();
  const bytes = reader.byteStrings();
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
