import type { Client } from "pg";

/** What fleets have learned, as sums that the stream's fold over each day adds to. Seconds. */

export type SpeedSumRow = {
  wayId: number | null;
  forward: boolean;
  roadClass: number;
  area: number;
  slot: number;
  drivenS: number;
  freeS: number;
};
export type ServiceSumRow<Kind extends string = string> = {
  place: string;
  kind: Kind;
  /** Empty: not known. */
  driver: string;
  visits: number;
  sumShare: number;
  sumLog: number;
  sumLogSquare: number;
};
export type ApproachSumRow = { place: string; driver: string; legs: number; beyondS: number };
export type RestSumRow = {
  halfHour: number;
  exposed: number;
  rests: number;
  atStops: number;
  restS: number;
  restSquareS2: number;
  underWay: number;
  pauses: number;
  pauseS: number;
  pauseSquareS2: number;
};
export type ErrorSumRow = { bucket: string; counts: readonly number[] };

export type LearnedRows<Kind extends string = string> = {
  speeds: readonly SpeedSumRow[];
  approaches: readonly ApproachSumRow[];
  services: readonly ServiceSumRow<Kind>[];
  rests: readonly RestSumRow[];
  errors: readonly ErrorSumRow[];
};

/** What has faded to less is forgotten: seconds driven, visits. */
const FORGOTTEN_S = 1;
const FORGOTTEN_VISITS = 0.05;
/** Way number of what was driven off the roads. */
const NO_WAY = 0;

export async function readLearnedRows<Kind extends string>(
  client: Client,
  fleetId: number,
): Promise<LearnedRows<Kind>> {
  const all = async <Row extends object>(text: string): Promise<Row[]> =>
    (await client.query<Row>(text, [fleetId])).rows;
  const speeds = await all<Omit<SpeedSumRow, "wayId"> & { wayId: number }>(
    `select way_id::float8 as "wayId", forward, road_class as "roadClass", area::float8 as area, slot,
       driven_s as "drivenS", free_s as "freeS"
     from segment_speed where fleet_id = $1 order by way_id, forward, area, slot`,
  );
  return {
    speeds: speeds.map((row) => ({ ...row, wayId: row.wayId === NO_WAY ? null : row.wayId })),
    approaches: await all<ApproachSumRow>(
      `select place, driver, legs, beyond_s as "beyondS" from approach_time where fleet_id = $1 order by place, driver`,
    ),
    services: await all<ServiceSumRow<Kind>>(
      `select place, kind, driver, visits, sum_share as "sumShare", sum_log as "sumLog", sum_log_square as "sumLogSquare"
       from service_time where fleet_id = $1 order by kind, place, driver`,
    ),
    rests: await all<RestSumRow>(
      `select half_hour as "halfHour", exposed, rests, at_stops as "atStops", rest_s as "restS",
         rest_square_s2 as "restSquareS2", under_way as "underWay", pauses, pause_s as "pauseS",
         pause_square_s2 as "pauseSquareS2"
       from rest_time where fleet_id = $1 order by half_hour`,
    ),
    errors: await all<ErrorSumRow>(`select bucket, counts from eta_error where fleet_id = $1 order by bucket`),
  };
}

/** Replaces a fleet's sums in the caller's transaction. */
export async function replaceLearnedRows(client: Client, fleetId: number, learned: LearnedRows): Promise<void> {
  for (const table of ["segment_speed", "approach_time", "service_time", "rest_time", "eta_error"])
    await client.query(`delete from ${table} where fleet_id = $1`, [fleetId]);
  const put = (text: string, rows: readonly object[]): Promise<unknown> =>
    rows.length === 0 ? Promise.resolve() : client.query(text, [fleetId, JSON.stringify(rows)]);
  await put(
    `insert into segment_speed (fleet_id, way_id, forward, road_class, area, slot, driven_s, free_s)
     select $1, r."wayId", r.forward, r."roadClass", r.area, r.slot, r."drivenS", r."freeS"
     from json_to_recordset($2::json) as r ("wayId" bigint, forward boolean, "roadClass" smallint, area bigint,
       slot smallint, "drivenS" float8, "freeS" float8)`,
    learned.speeds
      .filter(({ drivenS, freeS }) => drivenS + freeS >= FORGOTTEN_S)
      .map((row) => ({ ...row, wayId: row.wayId ?? NO_WAY })),
  );
  await put(
    `insert into approach_time (fleet_id, place, driver, legs, beyond_s)
     select $1, r.place, r.driver, r.legs, r."beyondS"
     from json_to_recordset($2::json) as r (place text, driver text, legs float8, "beyondS" float8)`,
    learned.approaches.filter(({ legs }) => legs >= FORGOTTEN_VISITS),
  );
  await put(
    `insert into service_time (fleet_id, place, kind, driver, visits, sum_share, sum_log, sum_log_square)
     select $1, r.place, r.kind, r.driver, r.visits, r."sumShare", r."sumLog", r."sumLogSquare"
     from json_to_recordset($2::json) as r (place text, kind text, driver text, visits float8, "sumShare" float8, "sumLog" float8,
       "sumLogSquare" float8)`,
    learned.services.filter(({ visits }) => visits >= FORGOTTEN_VISITS),
  );
  await put(
    `insert into rest_time (fleet_id, half_hour, exposed, rests, at_stops, rest_s, rest_square_s2, under_way, pauses, pause_s,
       pause_square_s2)
     select $1, r."halfHour", r.exposed, r.rests, r."atStops", r."restS", r."restSquareS2", r."underWay", r.pauses,
       r."pauseS", r."pauseSquareS2"
     from json_to_recordset($2::json) as r ("halfHour" smallint, exposed float8, rests float8, "atStops" float8,
       "restS" float8, "restSquareS2" float8, "underWay" float8, pauses float8, "pauseS" float8, "pauseSquareS2" float8)`,
    learned.rests,
  );
  await put(
    `insert into eta_error (fleet_id, bucket, counts)
     select $1, r.bucket, array(select json_array_elements_text(r.counts)::float8)
     from json_to_recordset($2::json) as r (bucket text, counts json)`,
    learned.errors,
  );
}
