import type { Database } from "#store/database.ts";
import { type FenceVersionRow, readFenceChanges, readFenceRevisions } from "#store/fence-versions.ts";
import { FenceSet, type FenceVersion } from "./geofence/fence-set.ts";
import { type FenceFeature, parseFence } from "./geofence/parse-feature.ts";
import { BACKLOG_MS_MAX } from "./geofence/place.ts";

/** How long a change may go unheard of. It must be less than the time between making it and its taking effect. */
const LOOK_MS_MAX = 1_000;
const CHANGES_PER_READ = 5_000;

/**
 * The geofences of every fleet, with the versions that fixes of the last weeks may need. A change takes effect some time
 * after it was made (`EFFECT_DELAY_S` of the store), and this looks more often than that: no fix is judged by a set of
 * fences that is not known completely, so a replay judges it alike.
 */
export class FenceDirectory {
  readonly #pool: Database["pool"];
  readonly #sets = new Map<number, { set: FenceSet; revision: number }>();
  readonly #sinceMs: number | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** `sinceMs`: the oldest time of a fix that will be judged, when it is not the present (Unix ms). */
  constructor(pool: Database["pool"], sinceMs?: number) {
    this.#pool = pool;
    this.#sinceMs = sinceMs;
  }

  /** Something may have changed: the next `load` looks. */
  stale(): void {
    this.#lookedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Brings the sets up to date, unless that was done less than a second ago. */
  async load(nowMs: number): Promise<void> {
    if (nowMs - this.#lookedAtMs < LOOK_MS_MAX && nowMs >= this.#lookedAtMs) return;
    const horizonMs = (this.#sinceMs ?? nowMs) - BACKLOG_MS_MAX;
    for (const { fleetId, revision } of await readFenceRevisions(this.#pool)) {
      const known = this.#sets.get(fleetId) ?? { set: new FenceSet(), revision: 0 };
      if (known.revision === revision) continue;
      await this.#catchUp(fleetId, known, revision, horizonMs);
      this.#sets.set(fleetId, { set: known.set, revision });
    }
    this.#lookedAtMs = nowMs;
  }

  fencesOf(fleetId: number): FenceSet | undefined {
    return this.#sets.get(fleetId)?.set;
  }

  async #catchUp(fleetId: number, known: { set: FenceSet; revision: number }, revision: number, horizonMs: number) {
    const changes: FenceVersion[] = [];
    for (let after = { revision: known.revision, fenceId: 0, version: 0 }; ; ) {
      const rows = await readFenceChanges(this.#pool, fleetId, { after, revision, horizonMs, limit: CHANGES_PER_READ });
      changes.push(...rows.map(versionOfRow));
      const last = rows.at(-1);
      if (last === undefined || rows.length < CHANGES_PER_READ) break;
      after = { revision: last.revision, fenceId: last.fenceId, version: last.version };
    }
    known.set.apply(changes, horizonMs);
  }
}

/** Throws on a Feature that the API would have refused: what the store holds has passed it. */
function versionOfRow(row: FenceVersionRow): FenceVersion {
  const rule = parseFence(row.feature as FenceFeature);
  if ("detail" in rule) throw new Error(`stored geofence ${row.fenceId}: ${rule.pointer}: ${rule.detail}`);
  const { fenceId, version, validFromMs } = row;
  return { fenceId, version, rule, validFromMs, validToMs: row.validToMs ?? Number.POSITIVE_INFINITY };
}
