import type { Client } from "pg";
import { COMPARED_COLUMNS, NEWLY_UNUSABLE, RESOLVED, type ReplayWindow, windowValues } from "./fold-replay.ts";

export type ReplayCounts = {
  same: number;
  changed: number;
  missing: number;
  extra: number;
  /** Frames understood now that wait in the quarantine, and the other way round. */
  resolved: number;
  unusable: number;
};

export async function countReplayed(client: Client, window: ReplayWindow): Promise<ReplayCounts> {
  const { rows } = await client.query<ReplayCounts>(
    `select count(*) filter (where new_id is not null and old_id is not null)::float8
        - (select count(*) from changed)::float8 as same,
      (select count(*) from changed)::float8 as changed,
      count(*) filter (where old_id is null)::float8 as missing,
      count(*) filter (where new_id is null)::float8 as extra,
      (select count(*) from quarantine q where ${RESOLVED})::float8 as resolved,
      (select count(*) from unusable u where ${NEWLY_UNUSABLE})::float8 as unusable
     from pairing`,
    windowValues(window),
  );
  return rows[0] as ReplayCounts;
}

/** How many changed fixes differ in each column; attributes are counted one by one. */
export async function countChangedColumns(client: Client): Promise<{ column: string; fixes: number }[]> {
  const columns = COMPARED_COLUMNS.filter((column) => column !== "attributes");
  const { rows } = await client.query<Record<string, number>>(
    `select ${columns.map((c) => `count(*) filter (where r.${c} is distinct from k.${c})::float8 as ${c}`).join(", ")}
     from changed p join replayed r on r.fix_id = p.new_id join kept k on k.fix_id = p.old_id`,
  );
  const counts = rows[0] as Record<string, number>;
  return columns.map((column) => ({ column, fixes: counts[column] ?? 0 })).filter(({ fixes }) => fixes > 0);
}

export type AttributeChange = { name: string; added: number; removed: number; changed: number };

const ATTRIBUTE_PAIRS = `changed p join replayed r on r.fix_id = p.new_id join kept k on k.fix_id = p.old_id
  cross join lateral (select coalesce(n.key, o.key) as name, n.value as now, o.value as was
    from jsonb_each(r.attributes) n full join jsonb_each(k.attributes) o on n.key = o.key) a
  where a.now is distinct from a.was`;

export async function countChangedAttributes(client: Client): Promise<AttributeChange[]> {
  const { rows } = await client.query<AttributeChange>(
    `select a.name, count(*) filter (where a.was is null)::float8 as added,
      count(*) filter (where a.now is null)::float8 as removed,
      count(*) filter (where a.now is not null and a.was is not null)::float8 as changed
     from ${ATTRIBUTE_PAIRS} group by a.name order by a.name`,
  );
  return rows;
}

export type ReplayExample = {
  fixId: number;
  uid: string;
  fixTime: Date;
  was: Record<string, unknown> | null;
  now: Record<string, unknown> | null;
};

/** A few fixes that differ, old and new rows side by side; null on the side that has none. */
export async function readReplayExamples(client: Client, limit: number): Promise<ReplayExample[]> {
  const { rows } = await client.query<ReplayExample>(
    `select coalesce(k.fix_id, r.fix_id) as "fixId", d.uid, coalesce(k.fix_time, r.fix_time) as "fixTime",
      case when k.fix_id is not null then to_jsonb(k) end as was, case when r.fix_id is not null then to_jsonb(r) end as now
     from (select * from changed union all select * from pairing where new_id is null or old_id is null) p
     left join replayed r on r.fix_id = p.new_id left join kept k on k.fix_id = p.old_id
     join device d on d.device_id = coalesce(k.device_id, r.device_id)
     order by 1 limit $1`,
    [limit],
  );
  return rows;
}
