import type { Database } from "./database.ts";

/** A quarantined frame without its bytes. */
export type QuarantinedFrame = {
  quarantineId: string;
  /** `gateway`: refused before the ack. `stream`: acknowledged and kept, not understood yet. */
  source: string;
  /** Null where nobody knows whose frame it is. */
  deviceUid: string | null;
  protocol: string;
  transport: string;
  receivedAt: Date;
  remoteAddress: string | null;
  reason: string;
  detail: string | null;
  sizeBytes: number;
  retryRequestedAt: Date | null;
  resolvedAt: Date | null;
};

export type QuarantineFilter = {
  deviceUid: string | null;
  reason: string | null;
  /** True: only what waits to be understood; false: only what has been resolved; null: both. */
  open: boolean | null;
};

const SELECT_QUARANTINE = `select q.quarantine_id::text as "quarantineId", q.source, d.uid as "deviceUid", q.protocol,
  q.transport, q.received_at as "receivedAt", q.remote_address as "remoteAddress", q.reason, q.detail,
  length(q.bytes) as "sizeBytes", q.retry_requested_at as "retryRequestedAt", q.resolved_at as "resolvedAt"
  from quarantine q left join device d on d.device_id = q.device_id
  where ($1::integer is null or coalesce(d.fleet_id, q.fleet_id) = $1)`;

/** Newest first; `beforeId` continues a page. Frames that belong to no fleet are seen only without a fleet. */
export async function listQuarantine(
  database: Database,
  fleetId: number | null,
  filter: QuarantineFilter,
  page: { beforeId: string | null; limit: number },
): Promise<QuarantinedFrame[]> {
  const { rows } = await database.pool.query<QuarantinedFrame>(
    `${SELECT_QUARANTINE} and ($2::bigint is null or q.quarantine_id < $2) and ($3::text is null or d.uid = $3)
     and ($4::text is null or q.reason = $4) and ($5::boolean is null or (q.resolved_at is null) = $5)
     order by q.quarantine_id desc limit $6`,
    [fleetId, page.beforeId, filter.deviceUid, filter.reason, filter.open, page.limit],
  );
  return rows;
}

export async function findQuarantined(
  database: Database,
  fleetId: number | null,
  quarantineId: string,
): Promise<QuarantinedFrame | undefined> {
  const { rows } = await database.pool.query<QuarantinedFrame>(`${SELECT_QUARANTINE} and q.quarantine_id = $2`, [
    fleetId,
    quarantineId,
  ]);
  return rows[0];
}

/** The bytes as they came from the wire. */
export async function readQuarantinedBytes(
  database: Database,
  fleetId: number | null,
  quarantineId: string,
): Promise<Buffer | undefined> {
  const { rows } = await database.pool.query<{ bytes: Buffer }>(
    `select q.bytes from quarantine q left join device d on d.device_id = q.device_id
     where ($1::integer is null or coalesce(d.fleet_id, q.fleet_id) = $1) and q.quarantine_id = $2`,
    [fleetId, quarantineId],
  );
  return rows[0]?.bytes;
}

/**
 * Asks the stream to decode the frame again and wakes it (`quarantine`). False where that cannot be: another fleet's, no
 * such frame, resolved already, or refused by the gateway before the ack, which the device sends again by itself.
 */
export async function requestQuarantineRetry(
  database: Database,
  fleetId: number | null,
  quarantineId: string,
): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `with asked as (
       update quarantine q set retry_requested_at = now()
       where quarantine_id = $2 and source = 'stream' and resolved_at is null
         and ($1::integer is null or $1 = coalesce(
           (select d.fleet_id from device d where d.device_id = q.device_id), q.fleet_id))
       returning quarantine_id)
     select pg_notify('quarantine', quarantine_id::text) from asked`,
    [fleetId, quarantineId],
  );
  return rowCount === 1;
}
