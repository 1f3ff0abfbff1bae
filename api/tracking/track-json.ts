import { type Static, Type } from "typebox";
import { Degrees, Nullable, named, Time } from "../schemas.ts";

const STATUSES = [
  ...(["planned", "en_route", "approaching", "arrived", "departed"] as const),
  ...(["delivered", "failed", "missed", "cancelled"] as const),
];
const Link = Type.String({ description: "https, or a path on this host" });

/** What a tracking link shows. Null: not allowed or not known; which of the two is not said. */
export const Track = named(
  "Track",
  Type.Object({
    status: Type.Enum(STATUSES, { description: "departed: the vehicle has left and nobody has said yet how it went" }),
    stop: Type.Object({
      kind: Type.String(),
      lat: Degrees(90),
      lon: Degrees(180),
      address: Nullable(Type.String()),
      timeZone: Type.String({ description: "IANA name" }),
      windowStart: Nullable(Time),
      windowEnd: Nullable(Time),
      promisedBy: Nullable(Time),
    }),
    eta: Nullable(
      Type.Object({
        p10: Time,
        p50: Time,
        p90: Time,
        latestBy: Type.String({ format: "date-time", description: "p90, rounded up to five minutes" }),
        basis: Nullable(Type.Enum(["live", "degraded", "planned"])),
        toldAt: Time,
      }),
    ),
    stopsAway: Nullable(Type.Integer({ minimum: 0, description: "Stops that come before this one" })),
    position: Nullable(
      Type.Object({
        lat: Degrees(90),
        lon: Degrees(180),
        headingDeg: Nullable(Type.Number()),
        time: Time,
        state: Type.Enum(["live", "delayed", "stale", "offline"]),
      }),
    ),
    path: Nullable(Type.String({ description: "The rest of the way here: encoded polyline of precision 5" })),
    driver: Nullable(Type.Object({ firstName: Type.String() })),
    vehicle: Nullable(Type.Object({ kind: Nullable(Type.String()), plate: Nullable(Type.String()) })),
    timeline: Type.Array(Type.Object({ status: Type.Enum(["started", ...STATUSES]), at: Time })),
    proof: Nullable(
      Type.Object({
        outcome: Type.Enum(["delivered", "failed"]),
        at: Time,
        recipientInitials: Nullable(Type.String()),
        reason: Nullable(Type.String()),
        photos: Type.Array(Link),
      }),
    ),
    brand: Nullable(
      Type.Object({
        name: Type.String(),
        logo: Nullable(Link),
        support: Type.Object({
          phone: Nullable(Type.String()),
          email: Nullable(Type.String()),
          url: Nullable(Link),
        }),
      }),
    ),
    closesAt: Type.String({ format: "date-time", description: "When the link closes, as far as is known now" }),
    poll_after_ms: Type.Integer({ description: "When to ask again, milliseconds" }),
  }),
);

export type TrackView = Static<typeof Track>;
