import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Database } from "#store/database.ts";
import { findVehicle, type Vehicle } from "#store/vehicles.ts";
import { INT4_MAX } from "./cursor.ts";
import { Problem } from "./problems.ts";

export const VehicleParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number(INT4_MAX) }) });

/** The vehicle of this id, if the request's key may see it; throws `not_found` as for one that does not exist. */
export async function visibleVehicle(database: Database, request: FastifyRequest, vehicleId: number): Promise<Vehicle> {
  const vehicle = await findVehicle(database, request.principal.fleetId, vehicleId);
  if (vehicle === undefined) throw new Problem("not_found");
  return vehicle;
}
