import { type RouteState, type StopState, stopInitial } from "./route-state.ts";

/**
 * A route's state as it is stored: of its stops only what is not as it was in the beginning, and ETAs as lists. It is
 * written often, and a third of the size. The rest of a stop that is to come is what its plan says.
 */
type PackedStop = Partial<Omit<StopState, "stopId" | "eta" | "told" | "issued">> & {
  eta?: [
    p10Ms: number,
    p50Ms: number,
    p90Ms: number,
    computedMs: number,
    basis: string,
    traffic: number,
    reason: string,
  ];
  told?: [p10Ms: number, p50Ms: number, p90Ms: number, toldMs: number];
  issued?: [computedMs: number, p50Ms: number, basis: string];
};

export type PackedState = Omit<RouteState, "stops"> & { stops: { [stopId: string]: PackedStop } };

export function packState({ stops, ...rest }: RouteState): PackedState {
  return {
    ...rest,
    stops: Object.fromEntries(Object.entries(stops).map(([stopId, stop]) => [stopId, packStop(stop)])),
  };
}

export function unpackState({ stops, ...rest }: PackedState): RouteState {
  const unpacked = Object.entries(stops).map(([stopId, stop]) => [stopId, unpackStop(stopId, stop)]);
  return { ...rest, stops: Object.fromEntries(unpacked) };
}

function packStop({ stopId, eta, told, issued, ...rest }: StopState): PackedStop {
  const initial = stopInitial(stopId);
  const packed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(rest)) {
    const isInitial = value === initial[name as keyof StopState] || (Array.isArray(value) && value.length === 0);
    if (!isInitial) packed[name] = value;
  }
  if (eta !== null) {
    packed.eta = [eta.p10Ms, eta.p50Ms, eta.p90Ms, eta.computedMs, eta.basis, eta.traffic, eta.reason];
  }
  if (told !== null) packed.told = [told.p10Ms, told.p50Ms, told.p90Ms, told.toldMs];
  if (issued !== null) packed.issued = [issued.computedMs, issued.p50Ms, issued.basis];
  return packed;
}

function unpackStop(stopId: string, { eta, told, issued, ...rest }: PackedStop): StopState {
  return {
    ...{ ...stopInitial(stopId), ...rest },
    eta: eta === undefined ? null : etaOf(eta),
    told: told === undefined ? null : { p10Ms: told[0], p50Ms: told[1], p90Ms: told[2], toldMs: told[3] },
    issued: issued === undefined ? null : issuedOf(issued),
  };
}

function etaOf([p10Ms, p50Ms, p90Ms, computedMs, basis, traffic, reason]: NonNullable<PackedStop["eta"]>) {
  return { ...{ p10Ms, p50Ms, p90Ms, computedMs, traffic, reason }, basis: basis as "live" };
}

function issuedOf([computedMs, p50Ms, basis]: NonNullable<PackedStop["issued"]>) {
  return { computedMs, p50Ms, basis: basis as "live" };
}
