export { type Freshness, type FreshnessState, type FreshnessThresholds, freshnessOf } from "./freshness.ts";
export { openStream, type Stream, type StreamDeps } from "./run.ts";
