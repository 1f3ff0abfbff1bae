import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import {
  ATTENTION_KINDS,
  ATTENTION_ROWS_MAX,
  type Attention,
  listDeviceAttention,
  listWebhookAttention,
} from "#store/attention.ts";
import { hasScope } from "../auth.ts";
import type { RouteContext } from "../context.ts";
import { Nullable, named, Page, Time, timeTextOrNull } from "../schemas.ts";

/** Conflicts, refusals and frames that nobody can use are looked at for this long. */
const RECENT_MS = 86_400_000;

export const AttentionSchema = named(
  "Attention",
  Type.Object({
    kind: Type.Enum([...ATTENTION_KINDS]),
    deviceUid: Nullable(Type.String({ description: "Ask /v1/devices/{id}/silence why" })),
    webhookId: Nullable(Type.String()),
    name: Nullable(Type.String({ description: "Of the device, or what the webhook is called" })),
    since: Nullable(Time),
    count: Nullable(Type.Number({ description: "Frames, refusals or conflicts" })),
    reason: Nullable(Type.String()),
  }),
);

const description = `Devices whose last position is stale, whose clock is wrong, whose frames are refused or not understood,
that are in two places at once, or that knock unregistered (with a key for all fleets); webhooks that are disabled or failing
(with webhooks:read). At most ${ATTENTION_ROWS_MAX} of a kind, the newest first.`;

/** `GET /v1/attention`. */
export const attentionRoutes =
  ({ database, now, freshness }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/attention",
      {
        config: { scope: "devices:read" },
        schema: {
          ...{ tags: ["devices"], summary: "What needs somebody's attention now", description },
          response: { 200: Page(AttentionSchema) },
        },
      },
      async ({ principal }) => {
        const { fleetId } = principal;
        const nowMs = now();
        const query = { fleetId, silentBeforeMs: nowMs - freshness.staleS * 1_000, sinceMs: nowMs - RECENT_MS };
        const [devices, webhooks] = await Promise.all([
          listDeviceAttention(database, query),
          hasScope(principal, "webhooks:read") ? listWebhookAttention(database, fleetId) : [],
        ]);
        const rank = ({ kind }: Attention): number => ATTENTION_KINDS.indexOf(kind);
        const rows = [...devices, ...webhooks].sort((a, b) => rank(a) - rank(b));
        const data = rows.map(({ webhookId, since, ...row }) => ({
          ...row,
          webhookId: webhookId === null ? null : String(webhookId),
          since: timeTextOrNull(since),
        }));
        return { data, next_cursor: null, has_more: false };
      },
    );
  };
