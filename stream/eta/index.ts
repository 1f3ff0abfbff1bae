export { areaCentre, areaOf } from "./area.ts";
export { emptyHistogram, errorBin } from "./errors.ts";
export type * from "./eta.ts";
export { changeReason, isAtRisk, isWorthIssuing, isWorthTelling } from "./eta-changes.ts";
export { DEGRADED_AFTER_MS, EtaEngine, type EtaEngineOptions } from "./eta-engine.ts";
export { type EtaModel, unlearnedModel } from "./eta-model.ts";
export { Legs } from "./leg.ts";
export { Traffic, type TrafficRecord } from "./traffic.ts";
