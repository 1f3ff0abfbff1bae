import type { Cursor, CursorMove } from "#store/fold-commit.ts";
import type { JournalFrame } from "#store/journal.ts";

/** Where a writer stands in each partition that it has claimed, what is in flight included. */
export class PartitionCursors {
  readonly #cursors = new Map<number, Cursor>();

  get partitions(): number[] {
    return [...this.#cursors.keys()];
  }

  /** The last position taken, by partition. */
  get seqs(): Map<number, number> {
    return new Map([...this.#cursors].map(([partition, { seq }]) => [partition, seq]));
  }

  set(cursors: readonly Cursor[]): void {
    for (const cursor of cursors) this.#cursors.set(cursor.partition, cursor);
  }

  delete(partitions: readonly number[]): void {
    for (const partition of partitions) this.#cursors.delete(partition);
  }

  /** From where each partition of these frames stands to its last frame. */
  movesTo(frames: readonly JournalFrame[]): CursorMove[] {
    const moves = new Map(this.standingAt(partitionsOf(frames)).map((move) => [move.partition, move]));
    for (const { partition, seq } of frames) moves.get(partition)!.seq = seq;
    return [...moves.values()];
  }

  /** Partitions that stay where they are, of which only devices are written. */
  standingAt(partitions: readonly number[]): CursorMove[] {
    return partitions.map((partition) => {
      const { seq, revision } = this.#cursors.get(partition) as Cursor;
      return { partition, seq, revision, expectedSeq: seq };
    });
  }
}

export function partitionsOf(frames: readonly JournalFrame[]): number[] {
  return [...new Set(frames.map((frame) => frame.partition))].sort((a, b) => a - b);
}
