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

/** How much of a token is counted as one: guesses that share it are slowed down together. */
const TOKEN_PREFIX_CHARACTERS = 6;

/** Counts requests with tracking tokens, by network address and by the token's beginning. */
export function limitTracking(app: FastifyInstance, limits: ApiLimits): void {
  limit(app, limits.trackAddressRequestsMax, limits, (request) => `tracking ${request.ip}`);
  limit(app, limits.trackTokenRequestsMax, limits, (request) => {
    const { token = "" } = request.params as { token?: string };
    return `token ${token.slice(0, TOKEN_PREFIX_CHARACTERS)}`;
  });
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
