import bearerAuth from "@fastify/bearer-auth";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Database } from "#store/database.ts";
import { type ApiKey, findKey, KEY_PREFIX } from "#store/keys.ts";
import { PROBLEM_RESPONSES } from "./openapi.ts";
import { Problem } from "./problems.ts";
import type { WriteLater } from "./write-later.ts";

/** What a key may do. `admin` includes all the others. */
export const SCOPES = [
  "devices:read",
  "devices:write",
  "fixes:read",
  "events:read",
  "quarantine:read",
  "quarantine:write",
  "commands:read",
  "commands:write",
  "commands:immobiliser",
  "vehicles:read",
  "vehicles:write",
  "geofences:read",
  "geofences:write",
  "links:read",
  "links:write",
  "routes:read",
  "routes:write",
  "drivers:read",
  "drivers:write",
  "brands:read",
  "brands:write",
  "pods:read",
  "pods:write",
  "pods:override",
  "pods:erase",
  "webhooks:read",
  "webhooks:write",
  "keys:write",
  "admin",
] as const;

export type Scope = (typeof SCOPES)[number];

/** Who asks. `fleetId` is what every read and write of the request is confined to; null is every fleet. */
export type Principal = { keyId: number; fleetId: number | null; scopes: readonly string[] };

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal;
  }
  interface FastifyContextConfig {
    /** The scope that the route needs. */
    scope?: Scope;
  }
}

const KEY_PATTERN = new RegExp(`^${KEY_PREFIX}[A-Za-z0-9_-]{43}$`);

type AuthDeps = { database: Database; usage: WriteLater; now: () => number };

/**
 * Requires a key, and the scope that the route names, for every route registered on `app` afterwards. A route without a
 * scope is a mistake of ours and stops the start.
 */
export async function requireKeys(app: FastifyInstance, deps: AuthDeps): Promise<void> {
  app.decorateRequest("principal");
  app.addHook("onRoute", (route) => {
    const scope = route.config?.scope;
    if (scope === undefined) throw new Error(`route ${route.url} names no scope`);
    const response = { ...(route.schema?.response as object), ...PROBLEM_RESPONSES };
    route.schema = { ...route.schema, response, security: [{ key: [scope] }] };
  });
  await app.register(bearerAuth, {
    addHook: false,
    keys: [],
    auth: async (secret: string, request: FastifyRequest) => {
      const key = await findLiveKey(deps, secret);
      request.principal = { keyId: key.keyId, fleetId: key.fleetId, scopes: key.scopes };
      deps.usage.note(key.keyId, deps.now());
      return true;
    },
  });
  app.addHook("onRequest", async (request, reply) => {
    await new Promise<void>((resolve, reject) => {
      const verify = app.verifyBearerAuth;
      if (verify === undefined) throw new Error("bearer authentication is not registered");
      verify(request, reply, (error?: Error) => (error ? reject(error) : resolve()));
    });
    requireScope(request.principal, request.routeOptions.config.scope!);
  });
}

/** Throws `scope_missing` unless the key has the scope. */
export function requireScope(principal: Principal, scope: Scope): void {
  if (hasScope(principal, scope)) return;
  throw new Problem("scope_missing", { detail: `This needs the scope ${scope}.`, extensions: { scope } });
}

export function hasScope(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes(scope) || principal.scopes.includes("admin");
}

/** Throws `key_unknown`, `key_revoked` or `key_expired`. */
async function findLiveKey({ database, now }: AuthDeps, secret: string): Promise<ApiKey> {
  const headers = { "www-authenticate": 'Bearer error="invalid_token"' };
  const key = KEY_PATTERN.test(secret) ? await findKey(database, secret) : undefined;
  if (key === undefined) throw new Problem("key_unknown", { headers });
  const state = keyState(key, now());
  if (state !== "live") throw new Problem(state === "revoked" ? "key_revoked" : "key_expired", { headers });
  return key;
}

function keyState(key: Pick<ApiKey, "revokedAt" | "expiresAt">, nowMs: number): "live" | "revoked" | "expired" {
  if (key.revokedAt !== null) return "revoked";
  return key.expiresAt !== null && key.expiresAt.getTime() <= nowMs ? "expired" : "live";
}
