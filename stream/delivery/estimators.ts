import type { Client } from "pg";
import { readFleetModels } from "#store/fleet-models.ts";
import { EtaEngine, type EtaModel, Legs, unlearnedModel } from "../eta/index.ts";
import type { RoadNetwork } from "../roads/network-file.ts";

/** The estimators of fleets, each with the newest of what its fleet has learned. Ways are found once for all of them. */
export class Estimators {
  readonly #legs: Legs;
  readonly #engines = new Map<number, EtaEngine>();

  constructor(roads: RoadNetwork | null) {
    this.#legs = new Legs(roads);
  }

  /** Looks for newer models of these fleets; traffic goes on as it is. */
  async load(client: Client, fleetIds: readonly number[]): Promise<void> {
    const known = fleetIds.map((fleetId) => {
      const model = this.#engines.get(fleetId)?.model;
      return { fleetId, version: model?.version ?? -1, timeZone: model?.timeZone ?? "" };
    });
    for (const { fleetId, timeZone, model } of await readFleetModels(client, known)) {
      const learned = model === null ? unlearnedModel(timeZone) : { ...(model as EtaModel), timeZone };
      const traffic = this.#engines.get(fleetId)?.traffic;
      this.#engines.set(fleetId, new EtaEngine({ legs: this.#legs, model: learned, ...(traffic && { traffic }) }));
    }
  }

  find(fleetId: number): EtaEngine | undefined {
    return this.#engines.get(fleetId);
  }
}
