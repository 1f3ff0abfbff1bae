export { type Freshness, type FreshnessState, type FreshnessThresholds, freshnessOf } from "./freshness.ts";
export { ReplayError, type ReplayOptions, type ReplayResult, replay } from "./replay.ts";
export { openStream, type Stream, type StreamDeps } from "./run.ts";
