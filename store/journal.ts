import type { ProtocolName, Transport } from "#decoders/decoder.ts";

/**
 * The journal: the durable, ordered list of frames. One interface; nothing above it knows which engine is in use.
 *
 * Order: `seq` is the commit order. Within a partition a reader never meets a smaller `seq` after a larger one.
 */

/** Frames of one device always share a partition; the stream is a single writer per partition. */
export const PARTITIONS = 16;

export function partitionOf(deviceId: number): number {
  return deviceId % PARTITIONS;
}

/** `frame` holds bytes of the device; the others are the gateway's notes about a session (JSON in `bytes`). */
export type FrameKind = "frame" | "connected" | "disconnected" | "conflict";

export type NewFrame = {
  deviceId: number;
  kind: FrameKind;
  protocol: ProtocolName;
  transport: Transport;
  /** Unix milliseconds, gateway clock. */
  receivedAtMs: number;
  remoteAddress: string | null;
  bytes: Uint8Array;
};

export type JournalFrame = NewFrame & { seq: number; partition: number };

/** Who hears what became of a frame: of one commit all in the order in which they were offered, in one go. */
export type Receipt = {
  /** The frame is durably committed as `seq`. */
  committed(seq: number): void;
  /** `JournalClosedError`, or an error of this frame. */
  failed(error: Error): void;
};

export type JournalWriter = {
  /**
   * Takes a frame and tells `receipt` what became of it, once and never before this call has returned; or refuses it at
   * once, with the errors that `append` rejects with, and tells nothing.
   */
  offer(frame: NewFrame, receipt: Receipt): Error | undefined;
  /**
   * Resolves with the frame's `seq` once it is durably committed, and only then. While the database is away the call
   * stays pending and is retried. Rejects with `JournalFullError` when `pendingBytesMax` is reached, and with
   * `JournalClosedError` after `close()`. A frame whose commit was in doubt may be stored twice; readers of reports
   * drop the copy by its fingerprint.
   */
  append(frame: NewFrame): Promise<number>;
  /** True while appends commit; false while the database is away or another process holds the sequencer lock. */
  readonly ready: boolean;
  /** True while another process leads and devices belong there; an outage of the database alone is no standby. */
  readonly standby: boolean;
  /** Frames waiting for their commit. */
  readonly pendingFrames: number;
  /** Waits for what is pending (bounded by the caller), then releases the sequencer lock. */
  close(): Promise<void>;
};

export type JournalReader = {
  /** Up to `limit` frames with `seq` above each partition's cursor, in `seq` order. */
  read(cursors: ReadonlyMap<number, number>, limit: number): Promise<JournalFrame[]>;
};
