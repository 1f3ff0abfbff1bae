import type { FastifyRequest } from "fastify";
import type { Database } from "#store/database.ts";
import { type Device, findDevice } from "#store/devices.ts";
import { Problem } from "./problems.ts";

/** The device of this uid, if the request's key may see it; throws `not_found` as for a device that does not exist. */
export async function visibleDevice(database: Database, request: FastifyRequest, uid: string): Promise<Device> {
  const device = await findDevice(database, request.principal.fleetId, uid);
  if (device === undefined) throw new Problem("not_found");
  return device;
}
