import { type Static, Type } from "typebox";
import type { Database } from "#store/database.ts";
import { findNamed, type NamedKind } from "#store/named-things.ts";
import type { RouteContent } from "#store/plan-rows.ts";
import { Problem } from "./problems.ts";
import { Place } from "./route-json.ts";
import { Attributes, Nullable, parseTimeMs, Time } from "./schemas.ts";
import { ExternalId, Name, policyTooLong } from "./stop-input.ts";

/** Routes as they are given: their schema, and what is made of it. */

const CAPACITY_MAX = 1e9;

const Reference = (what: string) =>
  Type.Optional(
    Nullable(
      Type.Union([Name, Type.Integer({ minimum: 1 })], { description: `The ${what}: its external id, or its id` }),
    ),
  );

export const RouteFields = {
  name: Type.Optional(Nullable(Name)),
  vehicle: Reference("vehicle"),
  driver: Reference("driver"),
  brand: Reference("brand"),
  start: Type.Optional(Nullable(Place)),
  end: Type.Optional(Nullable(Place)),
  startsAt: Type.Optional(Nullable(Time)),
  endsAt: Type.Optional(Nullable(Time)),
  capacity: Type.Optional(Nullable(Type.Number({ minimum: 0, maximum: CAPACITY_MAX }))),
  policy: Type.Optional(Attributes),
};

export const RouteInput = Type.Object({ externalId: Type.Optional(Nullable(ExternalId)), ...RouteFields });
type RouteInput = Static<typeof RouteInput>;

const EMPTY: RouteContent = {
  ...{ externalId: null, name: null, vehicleId: null, driverId: null, brandId: null, start: null, end: null },
  ...{ startsAtMs: null, endsAtMs: null, capacity: null, policy: {} },
};

/** A whole route: what is left out is at its default. */
export async function routeContent(database: Database, fleetId: number, input: RouteInput): Promise<RouteContent> {
  const content = { ...EMPTY, ...(await routeChange(database, fleetId, input)) };
  checkShift(content);
  return content;
}

/** What is given of a route, and nothing else. What it names must be of the fleet (null: any): else `reference_unknown`. */
export async function routeChange(
  database: Database,
  fleetId: number | null,
  { externalId, name, vehicle, driver, brand, start, end, startsAt, endsAt, capacity, policy }: RouteInput,
): Promise<Partial<RouteContent>> {
  const policyDetail = policyTooLong(policy);
  if (policyDetail !== undefined) throw unfit("/policy", policyDetail);
  const idOf = (kind: NamedKind, given: string | number | null) =>
    given === null ? null : referenceOf(database, kind, fleetId, given);
  const timeOf = (text: string | null, pointer: string) => (text === null ? null : parseTimeMs(text, "body", pointer));
  return {
    ...(externalId === undefined ? {} : { externalId }),
    ...(name === undefined ? {} : { name }),
    ...(vehicle === undefined ? {} : { vehicleId: await idOf("vehicle", vehicle) }),
    ...(driver === undefined ? {} : { driverId: await idOf("driver", driver) }),
    ...(brand === undefined ? {} : { brandId: await idOf("brand", brand) }),
    ...(start === undefined ? {} : { start: start && ([start.lat, start.lon] as const) }),
    ...(end === undefined ? {} : { end: end && ([end.lat, end.lon] as const) }),
    ...(startsAt === undefined ? {} : { startsAtMs: timeOf(startsAt, "/startsAt") }),
    ...(endsAt === undefined ? {} : { endsAtMs: timeOf(endsAt, "/endsAt") }),
    ...(capacity === undefined ? {} : { capacity }),
    ...(policy === undefined ? {} : { policy }),
  };
}

/** Throws `route_unfit` where the shift ends before it begins. */
export function checkShift({ startsAtMs, endsAtMs }: Pick<RouteContent, "startsAtMs" | "endsAtMs">): void {
  if (startsAtMs === null || endsAtMs === null || endsAtMs >= startsAtMs) return;
  throw unfit("/endsAt", "the shift ends before it begins");
}

function unfit(pointer: string, detail: string): Problem {
  return new Problem("route_unfit", { detail, extensions: { errors: [{ in: "body", pointer, detail }] } });
}

async function referenceOf(
  database: Database,
  kind: NamedKind,
  fleetId: number | null,
  given: string | number,
): Promise<number> {
  const id = await findNamed(database, kind, fleetId, String(given));
  if (id !== undefined) return id;
  throw new Problem("reference_unknown", {
    detail: `There is no such ${kind}.`,
    extensions: { errors: [{ in: "body", pointer: `/${kind}`, detail: "is not known" }] },
  });
}
