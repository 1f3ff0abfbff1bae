export type * from "./eta.ts";
export { EtaEngine } from "./eta-engine.ts";
export { type EtaModel, unlearnedModel } from "./eta-model.ts";
export { Legs } from "./leg.ts";
