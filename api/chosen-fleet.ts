import type { Principal } from "./auth.ts";
import { Problem } from "./problems.ts";

/**
 * The fleet that something new belongs to: the key's own. A key for all fleets chooses; for another it is `not_found`, as
 * if the fleet that was asked for did not exist.
 */
export function chosenFleet(principal: Principal, asked: number | null | undefined): number | null {
  if (principal.fleetId === null) return asked ?? null;
  if (asked === undefined || asked === principal.fleetId) return principal.fleetId;
  throw new Problem("not_found", { detail: "There is no such fleet." });
}
