import { collectDefaultMetrics, Registry } from "prom-client";
import type { Config } from "./config.ts";
import { Closers, type Listener, type Metrics, type Parts, type Role, type RoleLinks } from "./role.ts";

/** Constructs and starts one role in this process. Roles never call each other: they meet in the store. */

/** In the order in which they start; they stop in reverse. */
export const ROLES = ["api", "stream", "gateway"] as const;
export type RoleName = (typeof ROLES)[number];

/** Starts a role; when something can't be opened, what was opened before is closed again. */
export async function startRole(role: RoleName, config: Config, links: RoleLinks): Promise<Role> {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  collectDefaultMetrics({ register: registry });
  const closers = new Closers();
  const parts: Parts = { config, links, log: links.log.child({ role }), registry, closers };
  try {
    const listeners = await START[role](parts);
    return { listeners, metrics: () => registry.getMetricsAsJSON() as Promise<Metrics>, stop: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** A process loads what its own roles need. */
const START: Readonly<Record<RoleName, (parts: Parts) => Promise<Listener[]>>> = {
  gateway: async (parts) => (await import("./gateway-role.ts")).startGateway(parts),
  stream: async (parts) => (await import("./stream-role.ts")).startStream(parts),
  api: async (parts) => (await import("./api-role.ts")).startApi(parts),
};
