import type { Database } from "./database.ts";
import { type BatchRow, framesOfBatch, PACKED_BATCH } from "./frame-batches.ts";
import type { JournalFrame, JournalReader } from "./journal.ts";

/** Nothing of a partition is in (from, to]: known from an earlier read, so that silent partitions cost nothing. */
type Silence = { from: number; to: number };

// From the smallest seq above its partition's cursor, found by one look-up for each, so many seqs on: they have no gaps, so
// this is what one writer of all partitions is to get, and the rows of others' partitions are passed over. To the end of
// the row that holds the last of them, for the order of rows is by their ends. Only keys are sorted, not what is
// large; and the bounds, said once more, leave out the other chunks of TimescaleDB.
const READ_BATCHES = `with cursors as materialized (
    select * from unnest($1::smallint[], $2::bigint[]) as c (partition, after)
  ), next as materialized (
    select min(greatest(f.seq, c.after + 1)) as seq
    from cursors c
    cross join lateral (
      select b.seq from frame_batch b where b.partition = c.partition and b.last_seq > c.after order by b.last_seq limit 1
    ) f
  ), until as materialized (
    select coalesce(
      (select b.last_seq from frame_batch b where b.last_seq >= (select seq from next) + $3 - 1 order by b.last_seq limit 1),
      (select seq from next) + $3) as last_seq
  ), wanted as (
    select b.last_seq
    from cursors c
    join frame_batch b on b.partition = c.partition and b.last_seq > c.after
      and b.last_seq between (select seq from next) and (select last_seq from until)
  )
  select ${PACKED_BATCH}
  from frame_batch b
  where b.last_seq = any (array(select last_seq from wanted))
    and b.last_seq between (select seq from next) and (select last_seq from until)
  order by b.last_seq`;

export function openJournalReader(database: Database): JournalReader {
  const silences = new Map<number, Silence>();
  const startOf = (partition: number, cursor: number): number => {
    const silence = silences.get(partition);
    return silence !== undefined && silence.from <= cursor && cursor < silence.to ? silence.to : cursor;
  };
  return {
    read: async (cursors, limit) => {
      const partitions = [...cursors.keys()];
      const after = partitions.map((partition) => startOf(partition, cursors.get(partition)!));
      const found = await database.pool.query<BatchRow>({
        name: "read_batches",
        text: READ_BATCHES,
        values: [partitions, after, limit],
      });
      // The first row of a partition may lie on both sides of its cursor, the last one on both sides of the limit.
      const frames = found.rows
        .flatMap(framesOfBatch)
        .filter(({ partition, seq }) => seq > cursors.get(partition)!)
        .slice(0, limit);
      rememberSilences(silences, cursors, frames);
      return frames;
    },
  };
}

// Order of seq is order of commits: below a seq that was read, nothing can appear any more.
function rememberSilences(
  silences: Map<number, Silence>,
  cursors: ReadonlyMap<number, number>,
  frames: readonly JournalFrame[],
): void {
  const last = frames.at(-1)?.seq;
  if (last === undefined) return;
  const spoken = new Set(frames.map((frame) => frame.partition));
  for (const [partition, cursor] of cursors) {
    if (spoken.has(partition) || cursor >= last) continue;
    silences.set(partition, { from: cursor, to: last });
  }
}
