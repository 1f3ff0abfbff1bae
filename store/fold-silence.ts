import type { Pool } from "pg";

/** A device that has sent nothing for long, and about whose present silence no event was written yet. */
export type SilentDevice = { deviceId: number; fleetId: number; lastFrameAtMs: number; lastFrameSeq: number };

/**
 * Devices of these partitions whose last frame came before `untilMs` and not before `fromMs` (Unix milliseconds). An event
 * of the silence is known by its time, which is that of the last frame.
 */
export async function readSilentDevices(
  database: Pick<Pool, "query">,
  partitions: readonly number[],
  range: { fromMs: number; untilMs: number; limit: number },
): Promise<SilentDevice[]> {
  const { rows } = await database.query<{ deviceId: number; fleetId: number; lastFrameAt: Date; lastFrameSeq: number }>(
    `select s.device_id as "deviceId", d.fleet_id as "fleetId", s.last_frame_at as "lastFrameAt", s.last_frame_seq as "lastFrameSeq"
     from device_state s join device d using (device_id)
     where s.partition = any($1::smallint[]) and s.last_frame_at >= $2 and s.last_frame_at < $3
       and not exists (select from event e where e.device_id = s.device_id and e.occurred_at = s.last_frame_at
         and e.type = 'device.silent')
     limit $4`,
    [partitions, new Date(range.fromMs), new Date(range.untilMs), range.limit],
  );
  return rows.map(({ lastFrameAt, lastFrameSeq, ...row }) => ({
    ...row,
    lastFrameAtMs: lastFrameAt.getTime(),
    lastFrameSeq: Number(lastFrameSeq),
  }));
}
