import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { findDevice } from "#store/devices.ts";
import { bindDevice, unbindDevice, VEHICLE_DEVICES_MAX } from "#store/vehicles.ts";
import type { RouteContext } from "../context.ts";
import { Problem } from "../problems.ts";
import { parseTimeMs, Ref, Time, UidParams } from "../schemas.ts";
import { PRIORITY_DEFAULT, Priority, VehicleSchema, vehicleJson } from "../vehicle-json.ts";
import { VehicleParams, visibleVehicle } from "../visible-vehicle.ts";

const Params = Type.Object({ id: VehicleParams.properties.id, uid: UidParams.properties.id });

const NewBinding = Type.Object(
  {
    priority: Type.Optional(Priority),
    boundFrom: Type.Optional(Time),
  },
  { additionalProperties: false },
);

/** `/v1/vehicles/{id}/devices/{uid}`: which devices are in a vehicle. */
export const vehicleDeviceRoutes =
  ({ database, now }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.put(
      "/vehicles/:id/devices/:uid",
      {
        config: { scope: "vehicles:write" },
        schema: {
          tags: ["vehicles"],
          summary: "Put a device into a vehicle, or change its priority there",
          description: `The device's fixes since \`boundFrom\` are the vehicle's: from now on unless told. It must not be in
another vehicle; a vehicle has up to ${VEHICLE_DEVICES_MAX} devices.`,
          params: Params,
          body: NewBinding,
          response: { 200: Ref(VehicleSchema) },
        },
      },
      async (request) => {
        const { params, body } = request;
        const vehicle = await visibleVehicle(database, request, params.id);
        const device = await findDevice(database, vehicle.fleetId, params.uid);
        if (device === undefined) throw new Problem("not_found");
        const boundFromMs = body.boundFrom === undefined ? null : parseTimeMs(body.boundFrom, "body", "/boundFrom");
        if (boundFromMs !== null && boundFromMs > now()) {
          const errors = [{ in: "body", pointer: "/boundFrom", detail: "lies in the future" }];
          throw new Problem("validation", { extensions: { errors } });
        }
        const { vehicleId } = vehicle;
        const { deviceId } = device;
        const priority = body.priority ?? PRIORITY_DEFAULT;
        const result = await bindDevice(database, { vehicleId, deviceId, priority, boundFromMs });
        switch (result.kind) {
          case "elsewhere":
            throw new Problem("device_bound", { extensions: { vehicleId: String(result.vehicleId) } });
          case "full":
            throw new Problem("vehicle_full");
          case "bound":
            return vehicleJson(await visibleVehicle(database, request, vehicleId));
        }
      },
    );

    app.delete(
      "/vehicles/:id/devices/:uid",
      {
        config: { scope: "vehicles:write" },
        schema: {
          tags: ["vehicles"],
          summary: "Take a device out of a vehicle",
          description:
            "From now on its fixes are not the vehicle's; the position falls back on the devices that remain.",
          params: Params,
          response: { 204: Type.Null({ description: "Taken out" }) },
        },
      },
      async (request, reply) => {
        const vehicle = await visibleVehicle(database, request, request.params.id);
        const device = await findDevice(database, vehicle.fleetId, request.params.uid);
        if (device === undefined || !(await unbindDevice(database, vehicle.vehicleId, device.deviceId))) {
          throw new Problem("not_found");
        }
        return reply.code(204).send(null);
      },
    );
  };
