import type { Client } from "pg";
import { readFleetModels } from "#store/fleet-models.ts";
import { readFleetTraffic, type TrafficRow } from "#store/fleet-traffic.ts";
import type { TrafficSample } from "../eta/eta.ts";
import { EtaEngine, type EtaModel, Legs, unlearnedModel } from "../eta/index.ts";
import { TRAFFIC_KEPT_MS, Traffic } from "../eta/traffic.ts";
import type { RoadNetwork } from "../roads/network-file.ts";

/** `now` is all that was met on the road, `kept` that part of it which goes with the stored states of routes. */
type FleetTraffic = { now: Traffic; kept: Traffic };

/** The estimators of fleets, each with the newest of what its fleet has learned. Ways are found once for all of them. */
export class Estimators {
  readonly #legs: Legs;
  readonly #engines = new Map<number, EtaEngine>();
  readonly #traffic = new Map<number, FleetTraffic>();

  constructor(roads: RoadNetwork | null) {
    this.#legs = new Legs(roads);
  }

  /** Forgets models and traffic; they are read again. */
  forget(): void {
    this.#engines.clear();
    this.#traffic.clear();
  }

  /** Looks for newer models of these fleets; traffic is read once, and goes on as it is. */
  async load(client: Client, fleetIds: readonly number[], nowMs: number): Promise<void> {
    await this.#loadTraffic(client, fleetIds, nowMs);
    const known = fleetIds.map((fleetId) => {
      const model = this.#engines.get(fleetId)?.model;
      return { fleetId, version: model?.version ?? -1, timeZone: model?.timeZone ?? "" };
    });
    for (const { fleetId, timeZone, model } of await readFleetModels(client, known)) {
      const learned = readModel(model as EtaModel | null, timeZone);
      const traffic = this.#traffic.get(fleetId)!.now;
      this.#engines.set(fleetId, new EtaEngine({ legs: this.#legs, model: learned, traffic }));
    }
  }

  find(fleetId: number): EtaEngine | undefined {
    return this.#engines.get(fleetId);
  }

  /** Adds to the traffic that is kept; gives the rows that this changes. */
  keepTraffic(fleetId: number, samples: readonly TrafficSample[]): TrafficRow[] {
    const kept = this.#traffic.get(fleetId)?.kept;
    return kept === undefined ? [] : kept.observeAll(samples).map((sum) => ({ fleetId, ...sum }));
  }

  async #loadTraffic(client: Client, fleetIds: readonly number[], nowMs: number): Promise<void> {
    const fresh = fleetIds.filter((fleetId) => !this.#traffic.has(fleetId));
    if (fresh.length === 0) return;
    const rows = await readFleetTraffic(client, fresh, nowMs - TRAFFIC_KEPT_MS);
    const byFleet = Map.groupBy(rows, ({ fleetId }) => fleetId);
    for (const fleetId of fresh) {
      const sums = byFleet.get(fleetId) ?? [];
      this.#traffic.set(fleetId, { now: new Traffic(sums), kept: new Traffic(sums) });
    }
  }
}

/** A model as it was stored; what it did not know of when it was made is unlearned. */
function readModel(stored: EtaModel | null, timeZone: string): EtaModel {
  const unlearned = unlearnedModel(timeZone);
  return { ...unlearned, ...stored, rests: { ...unlearned.rests, ...stored?.rests }, timeZone };
}
