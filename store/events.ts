import type { AttributeValue } from "#decoders/decoder.ts";

/** A row of `event` as it is read. */
export type StoredEvent = {
  /** Deterministic: a replay makes the same id. */
  eventId: string;
  eventSeq: string;
  /** Null for an event that no device caused. */
  deviceUid: string | null;
  /** Dotted, past tense: `device.connected`. */
  type: string;
  occurredAt: Date;
  detectedAt: Date;
  replayed: boolean;
  supersedes: string | null;
  data: { [name: string]: AttributeValue };
};

/** The columns of a `StoredEvent` from `event r` left-joined with `device d`. */
export const EVENT_COLUMNS = `r.event_id as "eventId", r.event_seq::text as "eventSeq", d.uid as "deviceUid", r.type,
  r.occurred_at as "occurredAt", r.detected_at as "detectedAt", r.replayed, r.supersedes, r.data`;
