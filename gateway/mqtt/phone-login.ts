import type { KnownDevice } from "../gateway-deps.ts";
import type { AuthLevel } from "../notes.ts";
import { passwordHashOf } from "../password-checks.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { candidateUids, isClientIdOf, namedUids, type PhoneLogin } from "./phone-identity.ts";

/** CONNACK return codes of MQTT 3.1.1, section 3.2.2.3. */
const RETURN_CODES = { clientId: 2, directoryAway: 3, passwordChecks: 3, password: 4, unknownDevice: 5 } as const;
export type LoginRefusal = keyof typeof RETURN_CODES;
export const returnCodeOf = (reason: LoginRefusal): number => RETURN_CODES[reason];

export type LoginOutcome =
  | { kind: "device"; device: KnownDevice; authLevel: AuthLevel }
  /** Nobody is named, and devices may register themselves: the first publish says who it is. */
  | { kind: "unnamed" }
  | { kind: "refused"; reason: LoginRefusal; uid: string | undefined };

export type LoginRequest = PhoneLogin & { password: Uint8Array | undefined; remoteAddress: string; isTls: boolean };

/**
 * Finds out which device logs in and whether it proves it. While the directory is away the login waits as long as it
 * `isWanted`; a device without a password is let in only where devices may register themselves.
 */
export async function logIn(context: MqttContext, login: LoginRequest, isWanted: () => boolean): Promise<LoginOutcome> {
  const candidates = candidateUids(login);
  for (const uid of candidates) {
    const admission = await context.identify(uid, "owntracks", isWanted);
    if (admission.kind === "abandoned") return { kind: "refused", reason: "directoryAway", uid };
    if (admission.kind === "known") return proveDevice(context, admission.device, login);
  }
  if (context.limits.AUTO_REGISTER) return registerPhone(context, login, isWanted);
  return { kind: "refused", reason: "unknownDevice", uid: candidates[0] };
}

async function proveDevice(context: MqttContext, device: KnownDevice, login: LoginRequest): Promise<LoginOutcome> {
  const { uid } = device;
  if (!isClientIdOf(uid, login.clientId)) return { kind: "refused", reason: "clientId", uid };
  const stored = passwordHashOf(device);
  if (stored === undefined && context.limits.AUTO_REGISTER) {
    return { kind: "device", device, authLevel: login.isTls ? "tls" : "id" };
  }
  if (stored === undefined || login.password === undefined) return { kind: "refused", reason: "password", uid };
  const from = { remoteAddress: login.remoteAddress, monotonicMs: context.monotonicMs() };
  const finding = await context.passwords.check(uid, stored, login.password, from);
  switch (finding) {
    case "right":
      return { kind: "device", device, authLevel: "password" };
    case "wrong":
      return { kind: "refused", reason: "password", uid };
    case "busy":
      return { kind: "refused", reason: "passwordChecks", uid };
  }
}

async function registerPhone(
  context: MqttContext,
  login: LoginRequest,
  isWanted: () => boolean,
): Promise<LoginOutcome> {
  const [uid] = namedUids(login);
  if (uid === undefined) return { kind: "unnamed" };
  const admission = await context.admit(uid, "owntracks", isWanted);
  if (admission.kind !== "known") return { kind: "refused", reason: "directoryAway", uid };
  return { kind: "device", device: admission.device, authLevel: login.isTls ? "tls" : "id" };
}
