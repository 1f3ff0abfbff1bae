import type { Client } from "pg";
import { floorMs } from "./floor-ms.ts";

export type FoldHorizon = {
  /** For each partition the first position that is not folded into fixes and events yet. */
  below: ReadonlyMap<number, number>;
  /** The highest of them. */
  newest: number;
  /** When the oldest frame that is not folded was received; null: all are folded. */
  waitingSinceMs: ReadonlyMap<number, number>;
};

/** Everything below is final, and so is its order: positions are given in the order of commits. */
export async function readFoldHorizon(client: Client): Promise<FoldHorizon> {
  const { rows } = await client.query<{ partition: number; below: number; sinceMs: number | null }>({
    name: "delivery-horizon",
    text: `with newest as (
        select greatest((select max(last_seq) from frame_batch), (select max(seq) from stream_cursor)) + 1 as seq
      )
      select c.partition, coalesce(unfolded.seq, newest.seq)::float8 as below, ${floorMs("unfolded.received_at")} as "sinceMs"
      from stream_cursor c cross join newest left join unfolded_frame unfolded using (partition)`,
  });
  const waiting = rows.filter((row): row is typeof row & { sinceMs: number } => row.sinceMs !== null);
  return {
    below: new Map(rows.map(({ partition, below }) => [partition, below])),
    newest: Math.max(0, ...rows.map(({ below }) => below)),
    waitingSinceMs: new Map(waiting.map(({ partition, sinceMs }) => [partition, sinceMs])),
  };
}

/** Where the journal stood at each of these times: the first position received then or later. */
export async function readSeqsAt(client: Client, timesMs: readonly number[]): Promise<number[]> {
  if (timesMs.length === 0) return [];
  const { rows } = await client.query<{ seq: number }>({
    name: "delivery-seqs-at",
    text: `select frame_seq_at(to_timestamp(t.ms / 1000))::float8 as seq
      from unnest($1::float8[]) with ordinality as t (ms, place) order by t.place`,
    values: [timesMs],
  });
  return rows.map(({ seq }) => seq);
}

/** The newest frame of each device that is folded; devices that have sent nothing are left out. */
export async function readLastSeqs(client: Client, deviceIds: readonly number[]): Promise<Map<number, number>> {
  const { rows } = await client.query<{ deviceId: number; lastSeq: number }>({
    name: "delivery-last-seqs",
    text: `select device_id as "deviceId", last_seq::float8 as "lastSeq" from device_state
      where device_id = any($1::integer[])`,
    values: [deviceIds],
  });
  return new Map(rows.map(({ deviceId, lastSeq }) => [deviceId, lastSeq]));
}
