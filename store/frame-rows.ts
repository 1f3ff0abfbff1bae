import { byteaArray, int2Array, int4Array, int8Array, textArray, timestamptzArray } from "./binary.ts";
import { type NewFrame, partitionOf } from "./journal.ts";

/** Frames with consecutive `seq` as the parameters $1 … $9 of the statement below. */
export function frameParameters(frames: readonly NewFrame[], firstSeq: number): Buffer[] {
  return [
    int8Array(frames.map((_, index) => firstSeq + index)),
    int2Array(frames.map((frame) => partitionOf(frame.deviceId))),
    int4Array(frames.map((frame) => frame.deviceId)),
    textArray(frames.map((frame) => frame.kind)),
    textArray(frames.map((frame) => frame.protocol)),
    textArray(frames.map((frame) => frame.transport)),
    timestamptzArray(frames.map((frame) => frame.receivedAtMs)),
    textArray(frames.map((frame) => frame.remoteAddress)),
    byteaArray(frames.map((frame) => frame.bytes)),
  ];
}

const ROWS = `unnest($1::bigint[], $2::smallint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
  $8::text[], $9::bytea[]) as n (seq, partition, device_id, kind, protocol, transport, received_at, remote_address, bytes)`;

/** How many of the very same frames are stored: all or, for a transaction is whole, none. */
export const COUNT_STORED = `select count(*)::integer as stored from frame f join ${ROWS}
  on f.seq = n.seq and f.device_id = n.device_id and f.kind = n.kind and f.received_at = n.received_at and f.bytes = n.bytes`;
