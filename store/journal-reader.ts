import type { Database } from "./database.ts";
import type { JournalFrame, JournalReader } from "./journal.ts";

/** Nothing of a partition is in (from, to]: known from an earlier read, so that silent partitions cost nothing. */
type Silence = { from: number; to: number };

type Row = [
  seq: number,
  partition: number,
  deviceId: number,
  kind: JournalFrame["kind"],
  protocol: JournalFrame["protocol"],
  transport: JournalFrame["transport"],
  receivedAtMs: number,
  remoteAddress: string | null,
  bytes: Buffer,
];

// The seqs first, by the index alone, for each partition from its own cursor on; then the frames of the smallest ones.
const READ_FRAMES = `with wanted as (
    select f.seq
    from unnest($1::smallint[], $2::bigint[]) as c (partition, after)
    cross join lateral (
      select frame.seq from frame where frame.partition = c.partition and frame.seq > c.after order by frame.seq limit $3
    ) f
    order by f.seq
    limit $3
  )
  select seq, partition, device_id, kind, protocol, transport, (extract(epoch from received_at) * 1000)::float8,
    remote_address, bytes
  from frame where seq = any (array(select wanted.seq from wanted)) order by seq`;

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
      const found = await database.pool.query<Row>({
        name: "read_frames",
        text: READ_FRAMES,
        values: [partitions, after, limit],
        rowMode: "array",
      });
      const frames = found.rows.map(frameOf);
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

function frameOf(row: Row): JournalFrame {
  const [seq, partition, deviceId, kind, protocol, transport, receivedAtMs, remoteAddress, bytes] = row;
  return { seq, partition, deviceId, kind, protocol, transport, receivedAtMs, remoteAddress, bytes };
}
