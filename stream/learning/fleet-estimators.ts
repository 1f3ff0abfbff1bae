import type { Pool } from "pg";
import type { Logger } from "pino";
import { readFleetZones, readNewerModels } from "#store/eta-models.ts";
import type { EtaEstimator } from "../eta/eta.ts";
import { EtaEngine } from "../eta/eta-engine.ts";
import { type EtaModel, unlearnedModel } from "../eta/eta-model.ts";
import { Legs } from "../eta/leg.ts";
import { pause } from "../pause.ts";
import type { RoadNetwork } from "../roads/network-file.ts";

/** Fleets and models are looked for so often. */
const LOOK_MS = 60_000;

/** ETAs of fleets. An estimator stays the same object while the model behind it is replaced. */
export type FleetEstimators = {
  /** Undefined: a fleet that was not there a minute ago. */
  estimatorOf(fleetId: number): EtaEstimator | undefined;
  /** Looks for new fleets and models now. */
  refresh(): Promise<void>;
  close(): Promise<void>;
};

export async function openFleetEstimators(deps: {
  pool: Pool;
  roads: RoadNetwork | null;
  log: Logger;
}): Promise<FleetEstimators> {
  const legs = new Legs(deps.roads);
  const fleets = new Map<number, FleetEstimator>();
  const ending = new AbortController();

  async function refresh(): Promise<void> {
    for (const { fleetId, timeZone } of await readFleetZones(deps.pool)) {
      if (!fleets.has(fleetId)) fleets.set(fleetId, new FleetEstimator(legs, unlearnedModel(timeZone)));
    }
    const known = new Map([...fleets].map(([fleetId, { model }]) => [fleetId, model.version]));
    for (const { fleetId, model } of await readNewerModels(deps.pool, known)) {
      fleets.get(fleetId)?.replaceModel(model as EtaModel);
    }
  }

  async function refreshForever(): Promise<void> {
    while (!ending.signal.aborted) {
      await pause(LOOK_MS, ending.signal);
      if (ending.signal.aborted) return;
      // The models at hand go on serving.
      await refresh().catch((error: unknown) =>
        deps.log.warn({ err: error }, "models of ETAs could not be looked for"),
      );
    }
  }

  await refresh();
  const refreshing = refreshForever();
  return {
    estimatorOf: (fleetId) => fleets.get(fleetId),
    refresh,
    close: async () => {
      ending.abort();
      await refreshing;
    },
  };
}

/** Hands everything on to an engine that a new model replaces; the traffic observed stays. */
class FleetEstimator implements EtaEstimator {
  readonly #legs: Legs;
  #engine: EtaEngine;

  constructor(legs: Legs, model: EtaModel) {
    this.#legs = legs;
    this.#engine = new EtaEngine({ legs, model });
  }

  get model(): EtaModel {
    return this.#engine.model;
  }

  replaceModel(model: EtaModel): void {
    this.#engine = new EtaEngine({ legs: this.#legs, model, traffic: this.#engine.traffic });
  }

  setOff: EtaEstimator["setOff"] = (from, timeMs, before) => this.#engine.setOff(from, timeMs, before);
  depart: EtaEstimator["depart"] = (state, stop, arrivedMs, departedMs) =>
    this.#engine.depart(state, stop, arrivedMs, departedMs);
  follow: EtaEstimator["follow"] = (state, stops, fix) => this.#engine.follow(state, stops, fix);
  estimate: EtaEstimator["estimate"] = (request) => this.#engine.estimate(request);
  lateShare: EtaEstimator["lateShare"] = (eta, dueMs) => this.#engine.lateShare(eta, dueMs);
  remainingPath: EtaEstimator["remainingPath"] = (state, stops) => this.#engine.remainingPath(state, stops);
  observeTraffic: EtaEstimator["observeTraffic"] = (sample) => this.#engine.observeTraffic(sample);
}
