import { type Static, Type } from "typebox";
import type { Database } from "#store/database.ts";
import { type DriverRoute, readDriverRoutes } from "#store/driver-days.ts";
import type { DriverLink } from "#store/driver-links.ts";
import { findDriver } from "#store/drivers.ts";
import { STOP_KINDS } from "#store/plan-rows.ts";
import { type Claim, listClaims } from "#store/stop-claims.ts";
import { readRouteStops, type StopView } from "#store/stops.ts";
import { PROOF_PARTS, proofPolicy } from "../pod/policy.ts";
import { Problem } from "../problems.ts";
import { Degrees, Nullable, named, Time, timeText, timeTextOrNull } from "../schemas.ts";
import { timeTextOfMs } from "../stop-json.ts";
import { STOP_STATUSES, stopStatus } from "../stop-status.ts";

const DriverStop = Type.Object({
  id: Type.String(),
  kind: Type.Enum([...STOP_KINDS]),
  status: Type.Enum([...STOP_STATUSES]),
  lat: Degrees(90),
  lon: Degrees(180),
  address: Nullable(Type.String()),
  contact: Type.Object({ name: Nullable(Type.String()), phone: Nullable(Type.String()) }),
  notes: Nullable(Type.String()),
  windowStart: Nullable(Time),
  windowEnd: Nullable(Time),
  promisedBy: Nullable(Time),
  timeZone: Nullable(Type.String()),
  eta: Nullable(Time),
  proof: Type.Object({
    requires: Type.Array(Type.Enum([...PROOF_PARTS])),
    pin: Type.Boolean({ description: "The recipient was told a PIN, which is to be asked for" }),
    scans: Type.Array(Type.String(), { description: "Codes that are to be scanned" }),
    refusesLacking: Type.Boolean({ description: "A proof that lacks something is not taken" }),
  }),
  observed: Type.Object({ arrivedAt: Nullable(Time), departedAt: Nullable(Time) }),
  claimed: Type.Object({ arrivedAt: Nullable(Time), departedAt: Nullable(Time) }),
});

export const DriverDay = named(
  "DriverDay",
  Type.Object({
    now: Time,
    expiresAt: Time,
    driver: Type.Object({ id: Type.String(), givenName: Type.String() }),
    routes: Type.Array(
      Type.Object({
        id: Type.String(),
        name: Nullable(Type.String()),
        vehicle: Nullable(Type.String()),
        status: Type.Enum(["planned", "started", "completed"]),
        beginsAt: Time,
        endsAt: Time,
        stops: Type.Array(DriverStop),
      }),
    ),
  }),
);
export type DriverDay = Static<typeof DriverDay>;
export type DriverStop = Static<typeof DriverStop>;

/** What a driver has to do now. Nothing of other drivers, and of the people waiting what it takes to find them. */
export async function readDriverDay(
  database: Database,
  { driverId, expiresAt }: Pick<DriverLink, "driverId" | "expiresAt">,
  nowMs: number,
): Promise<DriverDay> {
  const now = new Date(nowMs);
  const [driver, routes] = await Promise.all([
    findDriver(database, null, driverId),
    readDriverRoutes(database, driverId, now),
  ]);
  if (driver === undefined) throw new Problem("not_found");
  const stops = await readRouteStops(
    database,
    routes.map(({ routeId }) => routeId),
  );
  const claims = await listClaims(
    database,
    stops.map(({ stopId }) => stopId),
  );
  return {
    now: timeText(now),
    expiresAt: timeText(expiresAt),
    driver: { id: String(driverId), givenName: driver.givenName },
    routes: routes.map((route) => ({
      id: String(route.routeId),
      ...{ name: route.name, vehicle: route.vehicleName, status: route.status },
      beginsAt: timeText(route.begins),
      endsAt: timeText(route.ends),
      stops: stops.filter(({ routeId }) => routeId === route.routeId).map((stop) => stopJson(stop, route, claims)),
    })),
  };
}

function stopJson(stop: StopView, route: DriverRoute, claims: readonly Claim[]): DriverStop {
  const { progress, contact, policy } = stop;
  const asked = proofPolicy(route.policy, policy);
  const claimedAt = (kind: Claim["kind"]) => {
    const claim = claims.findLast((made) => made.stopId === String(stop.stopId) && made.kind === kind);
    return timeTextOrNull(claim?.claimedAt ?? null);
  };
  return {
    id: String(stop.stopId),
    ...{ kind: stop.kind, status: stopStatus(stop, stop.outcome), lat: stop.latDeg, lon: stop.lonDeg },
    ...{ address: stop.address, notes: stop.notes, timeZone: stop.timeZone },
    contact: { name: contact.name ?? null, phone: contact.phone ?? null },
    windowStart: timeTextOfMs(stop.windowStartMs),
    windowEnd: timeTextOfMs(stop.windowEndMs),
    promisedBy: timeTextOfMs(stop.promisedByMs),
    eta: timeTextOrNull(progress?.etaP50 ?? null),
    proof: {
      ...{ requires: [...asked.requires], pin: asked.pin !== null, scans: [...asked.scans] },
      refusesLacking: asked.lacking === "refuse",
    },
    observed: {
      arrivedAt: timeTextOrNull(progress?.arrivedAt ?? null),
      departedAt: timeTextOrNull(progress?.departedAt ?? null),
    },
    claimed: { arrivedAt: claimedAt("arrived"), departedAt: claimedAt("departed") },
  };
}
