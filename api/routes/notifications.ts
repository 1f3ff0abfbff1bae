import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import {
  listNotifications,
  MESSAGE_STATES,
  NOTIFICATION_CHANNELS,
  NOTIFICATION_TRIGGERS,
} from "#store/notifications.ts";
import type { RouteContext } from "../context.ts";
import { Problem } from "../problems.ts";
import { Nullable, named, Ref, Time } from "../schemas.ts";

export const NotificationSchema = named(
  "Notification",
  Type.Object({
    trigger: Type.Enum([...NOTIFICATION_TRIGGERS]),
    threshold: Type.Integer({ description: "Stops or minutes; 0 where the trigger has none" }),
    dueAt: Time,
    messages: Type.Array(
      Type.Object({
        channel: Type.Enum([...NOTIFICATION_CHANNELS]),
        state: Type.Enum([...MESSAGE_STATES]),
        reason: Nullable(
          Type.String({
            description: "quiet_hours, too_late, not_awaited, no_address, no_channel, or what went wrong",
          }),
        ),
        endedAt: Nullable(Time),
      }),
    ),
  }),
);

/** `/v1/stops/{id}/notifications`: what the person waiting was told. */
export const notificationRoutes =
  ({ database }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      "/stops/:id/notifications",
      {
        config: { scope: "routes:read" },
        schema: {
          tags: ["stops"],
          summary: "What the person waiting at a stop was told",
          params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
          response: { 200: Type.Object({ data: Type.Array(Ref(NotificationSchema)) }) },
        },
      },
      async ({ principal: { fleetId }, params }) => {
        const notifications = await listNotifications(database, fleetId, params.id);
        if (notifications === undefined) throw new Problem("not_found");
        return {
          data: notifications.map(({ dueAt, messages, ...rest }) => ({
            ...rest,
            dueAt: dueAt.toISOString(),
            messages: messages.map((message) => ({
              ...message,
              endedAt: message.endedAt === null ? null : new Date(message.endedAt).toISOString(),
            })),
          })),
        };
      },
    );
  };
