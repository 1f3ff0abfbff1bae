import { type FreshnessState, type FreshnessThresholds, freshnessOf } from "#stream/freshness.ts";
import { bestPlaceOf, type FixJson } from "./fix.ts";

/** What is watched: a vehicle, or a device that is in none. */
export type Unit = {
  /** `vehicle 12` or `device 356…`. */
  id: string;
  name: string;
  /** What the name does not say: the vehicle's kind, or the device's protocol. */
  kind: string;
  vehicleId: string | null;
  /** The device that speaks for it; null where none ever did. */
  deviceUid: string | null;
  /** Its newest fix with a position. */
  fix: FixJson | null;
};

export type UnitState = FreshnessState | "unheard";

export type VehicleJson = {
  id: string;
  name: string | null;
  externalId: string | null;
  kind: string;
  devices: { uid: string }[];
};
export type DeviceJson = { uid: string; name: string | null; protocol: string | null };
export type VehiclePositionJson = FixJson & { vehicleId: string; externalId: string | null };

export type FleetAnswer = {
  vehicles: readonly VehicleJson[];
  devices: readonly DeviceJson[];
  vehiclePositions: readonly VehiclePositionJson[];
  positions: readonly FixJson[];
};

/** The units of a fleet, those in the order of their names, out of what the API answered. */
export function unitsOf({ vehicles, devices, vehiclePositions, positions }: FleetAnswer): Unit[] {
  const positionOf = new Map(vehiclePositions.map((position) => [position.vehicleId, position]));
  const fixOf = new Map(positions.map((position) => [position.deviceUid, position]));
  const inVehicle = new Set(vehicles.flatMap((vehicle) => vehicle.devices.map(({ uid }) => uid)));
  for (const { deviceUid } of vehiclePositions) inVehicle.add(deviceUid);
  const deviceOf = new Map(devices.map((device) => [device.uid, device]));
  const vehicleIds = new Set([...vehicles.map(({ id }) => id), ...positionOf.keys()]);
  const vehicleOf = new Map(vehicles.map((vehicle) => [vehicle.id, vehicle]));
  const uids = new Set([...deviceOf.keys(), ...fixOf.keys()]);
  const units = [
    ...[...vehicleIds].map((id): Unit => vehicleUnit(id, vehicleOf.get(id), positionOf.get(id))),
    ...[...uids].filter((uid) => !inVehicle.has(uid)).map((uid) => deviceUnit(uid, deviceOf.get(uid), fixOf.get(uid))),
  ];
  return units.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

function vehicleUnit(id: string, vehicle?: VehicleJson, position?: VehiclePositionJson): Unit {
  const name = vehicle?.name ?? vehicle?.externalId ?? position?.externalId ?? `Vehicle ${id}`;
  const deviceUid = position?.deviceUid ?? vehicle?.devices[0]?.uid ?? null;
  return {
    id: `vehicle ${id}`,
    name,
    kind: vehicle?.kind ?? "vehicle",
    vehicleId: id,
    deviceUid,
    fix: placed(position),
  };
}

function deviceUnit(uid: string, device?: DeviceJson, fix?: FixJson): Unit {
  const kind = device?.protocol ?? fix?.protocol ?? "device";
  return { id: `device ${uid}`, name: device?.name ?? uid, kind, vehicleId: null, deviceUid: uid, fix: placed(fix) };
}

function placed(fix: FixJson | undefined): FixJson | null {
  return fix !== undefined && bestPlaceOf(fix) !== undefined ? fix : null;
}

/**
 * The unit after a fix of its device. One without a position, one that came late and one that is older than what is known
 * change nothing: late news never moves a vehicle back.
 */
export function withFix(unit: Unit, fix: FixJson): Unit {
  if (fix.deviceUid !== unit.deviceUid || fix.late === true || placed(fix) === null) return unit;
  if (unit.fix !== null && Date.parse(fix.time) <= Date.parse(unit.fix.time)) return unit;
  return { ...unit, fix };
}

/** How far the unit's position can be trusted at the server's `nowMs`. */
export function stateOf({ fix }: Unit, nowMs: number, thresholds: FreshnessThresholds): UnitState {
  if (fix === null) return "unheard";
  return freshnessOf(Date.parse(fix.time), Date.parse(fix.receivedAt), nowMs, thresholds).state;
}

/** Units whose name, device or kind has every word of a search. */
export function searchUnits(units: readonly Unit[], text: string): Unit[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return units.filter(({ name, kind, deviceUid }) => {
    const searched = `${name} ${kind} ${deviceUid ?? ""}`.toLowerCase();
    return words.every((word) => searched.includes(word));
  });
}
