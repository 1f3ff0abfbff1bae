import type { Database } from "#store/database.ts";
import { type FoldDevice, readDeviceStates, readFoldDevices } from "#store/fold-devices.ts";
import { foldOfRow } from "./device-state.ts";
import { type DeviceFold, foldInitial } from "./fold.ts";

/** Devices whose state is remembered between batches: more than two batches can touch. */
const DEVICES_CACHED_MAX = 50_000;
/** How long a change of a device's model or settings may go unnoticed. */
const DEVICE_AGE_MS_MAX = 2_000;

/** What a writer remembers of devices: who they are, and the state of their fold after the last batch, committed or not. */
export class DeviceCache {
  readonly #pool: Database["pool"];
  /** In the order of their last use. */
  readonly #folds = new Map<number, DeviceFold>();
  readonly #devices = new Map<number, { device: FoldDevice | undefined; readAtMs: number }>();

  constructor(pool: Database["pool"]) {
    this.#pool = pool;
  }

  /** Reads what is not remembered of these devices. */
  async load(deviceIds: readonly number[], nowMs: number): Promise<void> {
    const unread = deviceIds.filter((id) => nowMs - (this.#devices.get(id)?.readAtMs ?? 0) > DEVICE_AGE_MS_MAX);
    const unknown = deviceIds.filter((id) => !this.#folds.has(id));
    const [devices, states] = await Promise.all([
      unread.length > 0 ? readFoldDevices(this.#pool, unread) : [],
      unknown.length > 0 ? readDeviceStates(this.#pool, unknown) : [],
    ]);
    const deviceById = new Map(devices.map((device) => [device.deviceId, device]));
    for (const id of unread) this.#devices.set(id, { device: deviceById.get(id), readAtMs: nowMs });
    const stateById = new Map(states.map((state) => [state.deviceId, state]));
    for (const id of unknown) this.#folds.set(id, foldOfRow(stateById.get(id)));
  }

  /** A loaded device; undefined where nobody has registered it. */
  device(deviceId: number): FoldDevice | undefined {
    return this.#devices.get(deviceId)?.device;
  }

  fold(deviceId: number): DeviceFold {
    return this.#folds.get(deviceId) ?? foldInitial;
  }

  /** Takes the states after a batch, and forgets devices that were not heard of for the longest time. */
  keep(folds: ReadonlyMap<number, DeviceFold>): void {
    for (const [deviceId, fold] of folds) {
      this.#folds.delete(deviceId);
      this.#folds.set(deviceId, fold);
    }
    for (const deviceId of this.#folds.keys()) {
      if (this.#folds.size <= DEVICES_CACHED_MAX) return;
      this.#folds.delete(deviceId);
      this.#devices.delete(deviceId);
    }
  }

  /** Forgets the states of these devices: another writer changes them. */
  forget(isTheirs: (deviceId: number) => boolean): void {
    for (const deviceId of [...this.#folds.keys()].filter(isTheirs)) this.#folds.delete(deviceId);
  }
}
