import type { Database } from "./database.ts";
import { type Device, findDeviceByUid } from "./devices.ts";
import { listen } from "./listen.ts";

export type DeviceDirectory = {
  /** The registered device of this uid; rejects when it is not remembered and the database is away. */
  find(uid: string): Promise<Device | undefined>;
  close(): Promise<void>;
};

export type DeviceDirectoryOptions = { devicesMax?: number; now?: () => number };

const DEVICES_MAX = 100_000;
/** A stranger who calls again and again asks the database this often; a registration is heard of at once besides. */
const ABSENCE_KEPT_MS = 5_000;
/** Should a notification be lost after all, what is remembered is right again after this. */
const PRESENCE_KEPT_MS = 600_000;

/** `device` is a promise so that many sessions of one uid ask once. */
type Entry = { device: Promise<Device | undefined>; goodUntilMs: number };

/** Remembers devices by uid, and forgets them when the registry says that they changed. */
export async function openDeviceDirectory(
  database: Database,
  options: DeviceDirectoryOptions = {},
): Promise<DeviceDirectory> {
  const entries = new Map<string, Entry>();
  const devicesMax = options.devicesMax ?? DEVICES_MAX;
  const now = options.now ?? (() => performance.now());
  const forget = (uid: string) => {
    if (uid === "") entries.clear();
    else entries.delete(uid);
  };
  const listener = await listen(database.url, { devices: forget });

  const ask = (uid: string): Promise<Device | undefined> => {
    const entry: Entry = { device: findDeviceByUid(database, uid), goodUntilMs: Number.POSITIVE_INFINITY };
    entries.set(uid, entry);
    entry.device.then(
      (device) => {
        entry.goodUntilMs = now() + (device === undefined ? ABSENCE_KEPT_MS : PRESENCE_KEPT_MS);
      },
      () => {
        if (entries.get(uid) === entry) entries.delete(uid);
      },
    );
    const oldest = entries.keys().next().value;
    if (entries.size > devicesMax && oldest !== undefined) entries.delete(oldest);
    return entry.device;
  };

  return {
    find: (uid) => {
      const known = entries.get(uid);
      return known !== undefined && now() < known.goodUntilMs ? known.device : ask(uid);
    },
    close: async () => {
      await listener.close();
      entries.clear();
    },
  };
}
