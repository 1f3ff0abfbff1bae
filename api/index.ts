import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { buildApp } from "./app.ts";
import type { ApiDeps } from "./deps.ts";

export { buildApp } from "./app.ts";
export { SCOPES, type Scope } from "./auth.ts";
export type { ApiDeps, PrepareCommand, ReadinessCheck } from "./deps.ts";

export { openPhoneListener } from "./driver/phone-listener.ts";

export { openGeocoder } from "./geocoder.ts";

export { openEmail, openSms } from "./notifications/channels.ts";
export { openNotifier } from "./notifications/notifier.ts";

export { openWebhookDelivery, WEBHOOK_LIMITS } from "./webhooks/delivery.ts";
export { openResolver } from "./webhooks/pinned-agent.ts";

export type Api = { app: FastifyInstance; host: string; port: number; close(): Promise<void> };

/** Builds the API and listens; port 0 picks a free one. Rejects when the port is taken. */
export async function openApi(deps: ApiDeps, listen: { host: string; port: number }): Promise<Api> {
  const app = await buildApp(deps);
  try {
    await app.listen(listen);
  } catch (error) {
    await app.close();
    throw error;
  }
  const { address, port } = app.server.address() as AddressInfo;
  return { app, host: address, port, close: () => app.close() };
}
