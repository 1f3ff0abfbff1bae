import { type Static, Type } from "typebox";
import type { Device, UnknownDevice } from "#store/devices.ts";
import { Nullable, named, Time, timeText } from "./schemas.ts";

export const DeviceSchema = named(
  "Device",
  Type.Object({
    id: Type.String({ description: "The uid again: what {id} in paths means" }),
    uid: Type.String(),
    fleetId: Type.Integer(),
    protocol: Nullable(Type.String()),
    model: Nullable(Type.String()),
    name: Nullable(Type.String()),
    createdAt: Time,
    updatedAt: Time,
  }),
);

export const UnknownDeviceSchema = named(
  "UnknownDevice",
  Type.Object({
    uid: Type.String(),
    protocol: Type.String(),
    firstSeenAt: Time,
    lastSeenAt: Time,
    knocks: Type.Integer({ description: "How often it was refused" }),
    lastAddress: Nullable(Type.String()),
  }),
);

export function deviceJson(device: Device): Static<typeof DeviceSchema> {
  const { uid, fleetId, protocol, model, name, createdAt, updatedAt } = device;
  return {
    id: uid,
    uid,
    fleetId,
    protocol,
    model,
    name,
    createdAt: timeText(createdAt),
    updatedAt: timeText(updatedAt),
  };
}

export function unknownDeviceJson(device: UnknownDevice): Static<typeof UnknownDeviceSchema> {
  const { uid, protocol, firstSeenAt, lastSeenAt, knocks, lastAddress } = device;
  return {
    uid,
    protocol,
    firstSeenAt: timeText(firstSeenAt),
    lastSeenAt: timeText(lastSeenAt),
    knocks,
    lastAddress,
  };
}
