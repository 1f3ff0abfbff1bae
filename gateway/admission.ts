import { setTimeout as sleep } from "node:timers/promises";
import type { ProtocolName } from "#decoders/decoder.ts";
import type { FindDevice, KnownDevice, RegisterDevice } from "./gateway-deps.ts";
import { DEFAULT_FLEET_ID, DIRECTORY_RETRY_MS } from "./maxima.ts";

export type Admission =
  | { kind: "known"; device: KnownDevice }
  | { kind: "unknown" }
  /** The caller gave up (its connection closed) while the directory was away. */
  | { kind: "abandoned" };

export type Admit = (uid: string, protocol: ProtocolName, isWanted: () => boolean) => Promise<Admission>;

/**
 * Says whether a device is registered. While the directory is away the question is asked again for as long as it
 * `isWanted`: a device is never refused because we could not look.
 */
export function openAdmission(
  findDevice: FindDevice,
  registerDevice: RegisterDevice,
  options: { autoRegister: boolean; onDirectoryAway: (error: unknown) => void },
): Admit {
  return async (uid, protocol, isWanted) => {
    while (isWanted()) {
      try {
        const found = await findDevice(uid);
        const device =
          found ??
          (options.autoRegister ? await registerDevice({ uid, protocol, fleetId: DEFAULT_FLEET_ID }) : undefined);
        return device === undefined ? { kind: "unknown" } : { kind: "known", device };
      } catch (error) {
        options.onDirectoryAway(error);
        await sleep(DIRECTORY_RETRY_MS, undefined, { ref: false });
      }
    }
    return { kind: "abandoned" };
  };
}
