import { Type } from "typebox";
import {
  hashPassword,
  PASSWORD_CHARACTERS_MAX,
  PASSWORD_CHARACTERS_MIN,
  PASSWORD_HASH_SETTING,
} from "#store/device-passwords.ts";

/** Secrets of a device: taken by the registry's routes, kept in its settings, never given back. */

/** Setting that the OwnTracks decoder opens encrypted payloads with. */
const PAYLOAD_KEY_SETTING = "owntracks.payloadKey";
const PAYLOAD_KEY_CHARACTERS_MAX = 32;

export const Password = Type.String({
  minLength: PASSWORD_CHARACTERS_MIN,
  maxLength: PASSWORD_CHARACTERS_MAX,
  description: "The device proves itself with it over MQTT and HTTP; kept as a scrypt hash, never returned",
});
export const PayloadKey = Type.String({
  minLength: 1,
  maxLength: PAYLOAD_KEY_CHARACTERS_MAX,
  description: "Passphrase of encrypted OwnTracks payloads; never returned",
});

export type DeviceSecrets = { password?: string | null; payloadKey?: string | null };

/** The settings that hold `secrets`; null takes a secret away, what is left out stays as it is. */
export async function settingsOf({
  password,
  payloadKey,
}: DeviceSecrets): Promise<{ settings?: { [name: string]: string | null } }> {
  if (password === undefined && payloadKey === undefined) return {};
  return {
    settings: {
      ...(password === undefined
        ? {}
        : { [PASSWORD_HASH_SETTING]: password === null ? null : await hashPassword(password) }),
      ...(payloadKey === undefined ? {} : { [PAYLOAD_KEY_SETTING]: payloadKey }),
    },
  };
}
