import { createHash } from "node:crypto";
import type { ClientBase } from "pg";
import { jsonbTextOf } from "./fold-rows.ts";

/** An event to be written, by the stream or by the API. Times are Unix milliseconds. */
export type NewEvent = {
  /** Deterministic (`eventIdOf`): the same thing that happened has the same id, however often it is found out. */
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

const EVENT_ID_CHARACTERS = 22;

/** The id of an event: a hash of what it is about, in characters that stand in a header and in a URL as they are. */
export function eventIdOf(type: string, ...subject: readonly (string | number)[]): string {
  return createHash("sha256")
    .update([type, ...subject].join("|"))
    .digest("base64url")
    .slice(0, EVENT_ID_CHARACTERS);
}

/** True where the endpoint `e` of the event `w` asks for events of its type: by name, by family (`stop.*`), or for all. */
export const ENDPOINT_WANTS = `(e.events is null or w.type = any(e.events)
  or split_part(w.type, '.', 1) || '.*' = any(e.events))`;

/** Deliveries of one subject go to an endpoint one after the other. */
export const SUBJECT_OF_EVENT = `case when w.data ->> 'stopId' is not null then 'stop:' || (w.data ->> 'stopId')
    when w.device_id is not null then 'device:' || w.device_id
    when w.data ->> 'routeId' is not null then 'route:' || (w.data ->> 'routeId')
    else 'event:' || w.event_id end`;

/**
 * Writes events inside the caller's open transaction, and what is to be delivered of them to webhooks: the one way in
 * which an event comes to be. Ids are deterministic, so one that is there already is the same event and is left alone.
 * Gives how many were new; tells the channels `events` and `webhooks`. An endpoint that is made meanwhile gets the events of later transactions.
 */
export async function insertEvents(client: Pick<ClientBase, "query">, events: readonly NewEvent[]): Promise<number> {
  const { rows } = await client.query<{ written: number }>({
    name: "insert-events",
    text: `with w as (
        insert into event (event_id, fleet_id, device_id, type, occurred_at, detected_at, replayed, supersedes,
          frame_seq, commit_xid, data)
        select e."eventId", e."fleetId", e."deviceId", e.type, to_timestamp(e."occurredAtMs" / 1000.0),
          to_timestamp(e."detectedAtMs" / 1000.0), e.replayed, e.supersedes, e."frameSeq",
          pg_current_xact_id()::text::bigint, e.data
        from rows from (json_to_recordset($1::json) as ("eventId" text, "fleetId" integer, "deviceId" integer,
          type text, "occurredAtMs" float8, "detectedAtMs" float8, replayed boolean, supersedes text,
          "frameSeq" bigint, data jsonb)) with ordinality as e order by e.ordinality
        on conflict (event_id) do nothing
        returning event_id, event_seq, fleet_id, device_id, type, data
      ), queued as (
        insert into webhook_delivery (endpoint_id, event_id, event_seq, event_type, subject)
        select e.endpoint_id, w.event_id, w.event_seq, w.type, ${SUBJECT_OF_EVENT}
        from w join webhook_endpoint e on e.fleet_id = w.fleet_id and e.disabled_at is null and ${ENDPOINT_WANTS}
        order by w.event_seq, e.endpoint_id
        on conflict (endpoint_id, event_id) do nothing
        returning 1
      )
      select count(*)::integer as written,
        (select count(pg_notify('events', '')) from (select from w limit 1) as any_written) as told,
        (select count(pg_notify('webhooks', '')) from (select from queued limit 1) as any_queued) as called
      from w`,
    values: [jsonbTextOf(events)],
  });
  return rows[0]!.written;
}
