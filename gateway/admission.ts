import { setTimeout as sleep } from "node:timers/promises";
import type { ProtocolName } from "#decoders/decoder.ts";
import type { FindDevice, KnownDevice, RegisterDevice } from "./gateway-deps.ts";
import { DEFAULT_FLEET_ID, DIRECTORY_RETRY_MS } from "./maxima.ts";
import type { RegistrationTally } from "./metrics.ts";

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
  options: {
    /** How many unknown devices may be registered. */
    registrationsMax: number;
    registrations: RegistrationTally;
    onDirectoryAway: (error: unknown) => void;
  },
): Admit {
  const { registrations, registrationsMax } = options;
  /** Undefined beyond the limit. What is under way counts: a storm of strangers must not pass it. */
  const register = async (uid: string, protocol: ProtocolName): Promise<KnownDevice | undefined> => {
    if (registrations.registered >= registrationsMax) {
      if (registrationsMax > 0) registrations.refused += 1;
      return undefined;
    }
    registrations.registered += 1;
    try {
      return await registerDevice({ uid, protocol, fleetId: DEFAULT_FLEET_ID });
    } catch (error) {
      registrations.registered -= 1;
      throw error;
    }
  };
  return async (uid, protocol, isWanted) => {
    while (isWanted()) {
      try {
        const device = (await findDevice(uid)) ?? (await register(uid, protocol));
        return device === undefined ? { kind: "unknown" } : { kind: "known", device };
      } catch (error) {
        options.onDirectoryAway(error);
        await sleep(DIRECTORY_RETRY_MS, undefined, { ref: false });
      }
    }
    return { kind: "abandoned" };
  };
}
