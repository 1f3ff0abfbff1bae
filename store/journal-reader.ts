import type { Database } from "./database.ts";
import { BATCH_COLUMNS, type BatchRow, framesOfBatch } from "./frame-batches.ts";
import type { JournalFrame, JournalReader } from "./journal.ts";

/** Nothing of a partition is in (from, to]: known from an earlier read, so that silent partitions cost nothing. */
type Silence = { from: number; to: number };

/** Rows of one read: those of a commit with few frames have one or two each, those of a full one more than a hundred. */
const BATCHES_PER_READ_MAX = 512;

// Which rows first, by the index, for each partition from its own cursor on; then those with the smallest seqs.
const READ_BATCHES = `with coming as (
    select b.last_seq, b.last_seq - greatest(b.seq, c.after + 1) + 1 as frames
    from unnest($1::smallint[], $2::bigint[]) as c (partition, after)
    cross join lateral (
      select f.seq, f.last_seq from frame_batch f where f.partition = c.partition and f.last_seq > c.after
      order by f.last_seq limit $4
    ) b
    order by b.last_seq
    limit $4
  ), wanted as (
    select last_seq, sum(frames) over (order by last_seq) - frames as frames_before from coming
  )
  select ${BATCH_COLUMNS}
  from frame_batch where last_seq = any (array(select wanted.last_seq from wanted where frames_before < $3))
  order by last_seq`;

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
        values: [partitions, after, limit, BATCHES_PER_READ_MAX],
        rowMode: "array",
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
