import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { QuarantineReason } from "./decode-frames.ts";

const REASONS: readonly QuarantineReason[] = [
  "codec",
  "layout",
  "encrypted",
  "value",
  "unsupported",
  "fault",
  "device",
  "protocol",
];

export type StreamMetrics = ReturnType<typeof openStreamMetrics>;

export function openStreamMetrics(registry: Registry) {
  const registers = [registry];
  const unusable = new Counter({
    name: "stream_unusable_frames_total",
    help: "Frames set aside in the quarantine, by reason",
    labelNames: ["reason"] as const,
    registers,
  });
  for (const reason of REASONS) unusable.inc({ reason }, 0);
  return {
    unusable,
    frames: new Counter({ name: "stream_frames_total", help: "Frames folded", registers }),
    fixes: new Counter({ name: "stream_fixes_total", help: "Fixes stored", registers }),
    duplicates: new Counter({ name: "stream_duplicates_total", help: "Reports that were stored already", registers }),
    late: new Counter({ name: "stream_late_total", help: "Fixes older than the watermark of their device", registers }),
    restarts: new Counter({ name: "stream_restarts_total", help: "Batches given up and folded again", registers }),
    partitions: new Gauge({ name: "stream_partitions", help: "Partitions that this process holds", registers }),
    lagSeconds: new Gauge({
      name: "stream_lag_seconds",
      help: "Age of the frame folded last, 0 when none waits",
      aggregator: "max",
      registers,
    }),
    batchFrames: new Histogram({
      name: "stream_batch_frames",
      help: "Frames of one transaction",
      buckets: [1, 3, 10, 30, 100, 300, 1000],
      registers,
    }),
    commitSeconds: new Histogram({
      name: "stream_commit_seconds",
      help: "Time of one transaction",
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
      registers,
    }),
  };
}
