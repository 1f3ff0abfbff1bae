import { type Static, Type } from "typebox";
import type { EtaRouteSums } from "#store/eta-reports.ts";
import { areaCentre } from "#stream/eta/area.ts";
import { type Estimate, HORIZON_BANDS, scoreRoutes } from "#stream/eta/score-etas.ts";
import { Nullable, named } from "./schemas.ts";

const Bounds = Nullable(Type.Number());
const EstimateOf = (meaning: string) =>
  Type.Object(
    { value: Type.Number(), low: Bounds, high: Bounds },
    { description: `${meaning}. low and high: 95 % interval over routes; null below five routes` },
  );

export const EtaAccuracySchema = named(
  "EtaAccuracy",
  Type.Object({
    group: Type.String({ description: "Horizon at issue in minutes, basis, day or area; empty when not grouped" }),
    fromMinutes: Nullable(Type.Number({ description: "Of a horizon: what remained at issue, at least" })),
    toMinutes: Nullable(Type.Number({ description: "Of a horizon: less than this; null: no end" })),
    lat: Nullable(Type.Number({ description: "Of an area: its centre" })),
    lon: Nullable(Type.Number()),
    etas: Type.Integer({ description: "ETAs issued before the stop was reached" }),
    stops: Type.Integer(),
    routes: Type.Integer(),
    coverageP90: EstimateOf("Share of arrivals at or before the P90; calibrated: 0.9"),
    coverageP10ToP90: EstimateOf("Share of arrivals from P10 to P90; calibrated: 0.8"),
    coverageP50: EstimateOf("Share of arrivals at or before the P50; calibrated: 0.5"),
    biasS: EstimateOf("Mean of arrival minus P50, seconds; positive: later than told"),
    maeS: EstimateOf("Mean absolute difference of arrival and P50, seconds"),
  }),
);

type EtaAccuracy = Static<typeof EtaAccuracySchema>;

/** Rows of the report, a group each, horizons from near to far and everything else by name. */
export function etaAccuracyJson(sums: readonly EtaRouteSums[], isByArea: boolean): EtaAccuracy[] {
  const groups = [...Map.groupBy(sums, ({ group }) => group)].map(([group, routes]) => {
    const band = HORIZON_BANDS.findIndex(({ name }) => name === group);
    const { etas, routes: routeCount, ...score } = scoreRoutes(routes);
    const area = isByArea ? areaCentre(Number(group)) : null;
    const stops = routes.reduce((sum, one) => sum + one.stops, 0);
    return {
      ...{ group, fromMinutes: band < 0 ? null : startMinutes(band), toMinutes: band < 0 ? null : endMinutes(band) },
      ...{ lat: area?.latDeg ?? null, lon: area?.lonDeg ?? null, etas, stops, routes: routeCount, ...score },
    };
  });
  return groups.sort((a, b) => (a.fromMinutes ?? 0) - (b.fromMinutes ?? 0) || (a.group < b.group ? -1 : 1));
}

/** One row of numbers for each row of the report. */
export function etaAccuracyCsvRow(row: EtaAccuracy): Record<string, string | number | null> {
  const flat: Record<string, string | number | null> = {};
  for (const [name, value] of Object.entries(row)) {
    if (!isEstimate(value)) flat[name] = value;
    else for (const part of ["value", "low", "high"] as const) flat[`${name}.${part}`] = value[part];
  }
  return flat;
}

function isEstimate(value: unknown): value is Estimate {
  return typeof value === "object" && value !== null;
}

const startMinutes = (band: number): number => (band === 0 ? 0 : HORIZON_BANDS[band - 1]!.endS / 60);

function endMinutes(band: number): number | null {
  const { endS } = HORIZON_BANDS[band]!;
  return Number.isFinite(endS) ? endS / 60 : null;
}
