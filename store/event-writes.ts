import type { ClientBase } from "pg";
import { jsonbTextOf } from "./fold-rows.ts";

/** An event to be written, by the stream or by the API. Times are Unix milliseconds. */
export type NewEvent = {
  /** Deterministic: the same thing that happened has the same id, however often it is found out. */
  eventId: string;
  fleetId: number;
  /** Null for what no device caused. */
  deviceId: number | null;
  /** Dotted, past tense: `pod.received`. */
  type: string;
  occurredAtMs: number;
  detectedAtMs: number;
  replayed: boolean;
  supersedes: string | null;
  /** The journal position that it rests on; null for what came through the API. */
  frameSeq: number | null;
  /** Stop-related events name `stopId` and `routeId`, as text. */
  data: { readonly [name: string]: unknown };
};

/**
 * Writes events inside the caller's open transaction: the one way in which an event comes to be. Ids are deterministic, so
 * one that is there already is the same event and is left alone. Gives how many were new.
 */
export async function insertEvents(client: Pick<ClientBase, "query">, events: readonly NewEvent[]): Promise<number> {
  const { rowCount } = await client.query({
    name: "insert-events",
    text: `insert into event (event_id, fleet_id, device_id, type, occurred_at, detected_at, replayed, supersedes,
        frame_seq, commit_xid, data)
      select e."eventId", e."fleetId", e."deviceId", e.type, to_timestamp(e."occurredAtMs" / 1000.0),
        to_timestamp(e."detectedAtMs" / 1000.0), e.replayed, e.supersedes, e."frameSeq",
        pg_current_xact_id()::text::bigint, e.data
      from rows from (json_to_recordset($1::json) as ("eventId" text, "fleetId" integer, "deviceId" integer, type text,
        "occurredAtMs" float8, "detectedAtMs" float8, replayed boolean, supersedes text, "frameSeq" bigint, data jsonb))
        with ordinality as e order by e.ordinality
      on conflict (event_id) do nothing`,
    values: [jsonbTextOf(events)],
  });
  return rowCount ?? 0;
}
