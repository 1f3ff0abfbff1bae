import { type Static, Type } from "typebox";
import type { ApiKey } from "#store/keys.ts";
import { SCOPES } from "./auth.ts";
import { Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

export const Scopes = Type.Array(Type.Enum([...SCOPES]), { minItems: 1, uniqueItems: true });

const key = {
  id: Type.String(),
  fleetId: Nullable(Type.Integer({ description: "Null: every fleet" })),
  name: Type.String(),
  prefix: Type.String({ description: "How the key begins" }),
  scopes: Type.Array(Type.String()),
  createdAt: Time,
  expiresAt: Nullable(Time),
  lastUsedAt: Nullable(Time),
  revokedAt: Nullable(Time),
};

export const Key = named("ApiKey", Type.Object(key));

export const CreatedKey = named(
  "CreatedApiKey",
  Type.Object({ ...key, secret: Type.String({ description: "Shown this once" }) }),
);

export function keyJson({ keyId, ...rest }: ApiKey): Static<typeof Key> {
  return {
    ...rest,
    id: String(keyId),
    createdAt: timeText(rest.createdAt),
    expiresAt: timeTextOrNull(rest.expiresAt),
    lastUsedAt: timeTextOrNull(rest.lastUsedAt),
    revokedAt: timeTextOrNull(rest.revokedAt),
  };
}
