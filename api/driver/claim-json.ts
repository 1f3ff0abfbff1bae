import { type Static, Type } from "typebox";
import { CLAIM_KINDS, type Claim } from "#store/stop-claims.ts";
import { Degrees, Nullable, named, Time, timeText } from "../schemas.ts";

export const NewClaim = Type.Object(
  {
    clientId: Type.String({ minLength: 1, maxLength: 200, description: "The same again is a retry" }),
    kind: Type.Enum([...CLAIM_KINDS]),
    at: Type.String({ ...Time, description: "By the phone's clock" }),
    lat: Type.Optional(Degrees(90)),
    lon: Type.Optional(Degrees(180)),
    accuracyM: Type.Optional(Type.Number({ minimum: 0, maximum: 100_000 })),
  },
  { additionalProperties: false },
);

export const ClaimSchema = named(
  "StopClaim",
  Type.Object(
    {
      id: Type.String(),
      stopId: Type.String(),
      driverId: Nullable(Type.String()),
      kind: Type.Enum([...CLAIM_KINDS]),
      at: Time,
      receivedAt: Time,
      lat: Nullable(Type.Number()),
      lon: Nullable(Type.Number()),
      accuracyM: Nullable(Type.Number()),
    },
    { description: "What a driver says of a stop, beside what was observed" },
  ),
);

export function claimJson(claim: Claim): Static<typeof ClaimSchema> {
  return {
    id: claim.claimId,
    ...{ stopId: claim.stopId, kind: claim.kind },
    driverId: claim.driverId === null ? null : String(claim.driverId),
    at: timeText(claim.claimedAt),
    receivedAt: timeText(claim.receivedAt),
    ...{ lat: claim.latDeg, lon: claim.lonDeg, accuracyM: claim.accuracyM },
  };
}
