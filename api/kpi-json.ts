import { type Static, Type } from "typebox";
import type { KpiRow } from "#store/kpis.ts";
import { Nullable, named } from "./schemas.ts";

const Share = (meaning: string) =>
  Nullable(Type.Number({ minimum: 0, maximum: 1, description: `${meaning}; null: none to count` }));
const Count = (meaning: string) => Type.Integer({ minimum: 0, description: meaning });

export const KpiSchema = named(
  "Kpi",
  Type.Object({
    group: Nullable(Type.String({ description: "The day, or the id of the driver, vehicle or route" })),
    stops: Count("Stops that came to an end: arrived at, missed, or with a proof of delivery"),
    served: Count("Of these, arrived at or delivered"),
    onTimeRate: Share("Arrived no later than the end of the window, of the stops with one"),
    withWindow: Count("Stops with a window"),
    slaAdherence: Share("Arrived no later than promised, of the stops with a promise"),
    withPromise: Count("Stops with a promise"),
    firstAttemptRate: Share("Delivered at the first proof, of the stops attempted or missed"),
    attempted: Count("Stops attempted or missed"),
    stopsPerDriverDay: Nullable(Type.Number({ description: "Stops served for each driver and day of work" })),
    driverDays: Count("Days of work of all drivers"),
    linkViewsPerStop: Nullable(Type.Number({ description: "Views of tracking links for each stop that has one" })),
    withLink: Count("Stops with a tracking link"),
  }),
);

export function kpiJson(row: KpiRow): Static<typeof KpiSchema> {
  return {
    group: row.group,
    stops: row.stops,
    served: row.served,
    onTimeRate: quotient(row.onTime, row.withWindow),
    withWindow: row.withWindow,
    slaAdherence: quotient(row.promiseKept, row.withPromise),
    withPromise: row.withPromise,
    firstAttemptRate: quotient(row.firstAttempt, row.attempted),
    attempted: row.attempted,
    stopsPerDriverDay: quotient(row.servedByDrivers, row.driverDays),
    driverDays: row.driverDays,
    linkViewsPerStop: quotient(row.linkViews, row.withLink),
    withLink: row.withLink,
  };
}

/** Four decimals: a rate of a hundred thousand stops has no more to say. */
function quotient(part: number, whole: number): number | null {
  return whole === 0 ? null : Number((part / whole).toFixed(4));
}
