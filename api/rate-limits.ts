import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ApiLimits } from "./limits.ts";
import { Problem } from "./problems.ts";

/** Addresses and keys that are counted at the same time; the least recent is forgotten first. */
const COUNTED_MAX = 20_000;

export async function registerRateLimit(app: FastifyInstance): Promise<void> {
  await app.register(rateLimit, { global: false, cache: COUNTED_MAX });
}

/** Counts every request by network address, before anything is looked up for it. */
export function limitAddresses(app: FastifyInstance, limits: ApiLimits): void {
  limit(app, limits.addressRequestsMax, limits, (request) => `address ${request.ip}`);
}

/** Counts the requests of each key; register after the keys are known. */
export function limitKeys(app: FastifyInstance, limits: ApiLimits): void {
  limit(app, limits.keyRequestsMax, limits, (request) => `key ${request.principal.keyId}`);
}

/** Counts map tiles and styles by network address. */
export function limitTiles(app: FastifyInstance, limits: ApiLimits): void {
  limit(app, limits.tileRequestsMax, limits, (request) => `tiles ${request.ip}`);
}

function limit(
  app: FastifyInstance,
  max: number,
  { rateWindowMs }: ApiLimits,
  keyGenerator: (request: FastifyRequest) => string,
): void {
  const count = app.createRateLimit({ max, timeWindow: rateWindowMs, keyGenerator });
  app.addHook("onRequest", async (request) => {
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    throw new Problem("rate_limited", { headers: { "retry-after": String(Math.max(1, counted.ttlInSeconds)) } });
  });
}
