import type { Pool } from "pg";
import type { ProtocolName, Transport } from "#decoders/decoder.ts";
import { type JournalFrame, PARTITIONS, partitionOf } from "./journal.ts";

export type RetryFrame = { quarantineId: string; frame: JournalFrame };

/** Frames that the stream set aside and somebody asks to try again, oldest first, of these partitions. */
export async function readRetries(
  database: Pick<Pool, "query">,
  partitions: readonly number[],
  limit: number,
): Promise<RetryFrame[]> {
  const { rows } = await database.query<{
    quarantineId: string;
    seq: number;
    deviceId: number;
    protocol: ProtocolName;
    transport: Transport;
    receivedAt: Date;
    remoteAddress: string | null;
    bytes: Buffer;
  }>(
    `select quarantine_id::text as "quarantineId", frame_seq as seq, device_id as "deviceId", protocol, transport,
      received_at as "receivedAt", remote_address as "remoteAddress", bytes
     from quarantine
     where retry_requested_at is not null and resolved_at is null and source = 'stream'
       and frame_seq is not null and device_id % ${PARTITIONS} = any($1::integer[])
     order by quarantine_id limit $2`,
    [partitions, limit],
  );
  return rows.map(({ quarantineId, receivedAt, seq, ...row }) => ({
    quarantineId,
    frame: {
      ...row,
      kind: "frame",
      seq: Number(seq),
      partition: partitionOf(row.deviceId),
      receivedAtMs: receivedAt.getTime(),
    },
  }));
}
