import { type Static, Type } from "typebox";
import { DELIVERY_STATUSES, type StoredAttempt, type StoredDelivery } from "#store/webhook-log.ts";
import type { WebhookEndpoint } from "#store/webhooks.ts";
import { EVENT_FAMILIES, EVENT_NAMES } from "./event-names.ts";
import { Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";
import { OUTCOMES } from "./webhooks/attempt.ts";

const EVENT_NAMES_MAX = 100;

export const EventNames = Type.Array(
  Type.Enum([...EVENT_NAMES, ...EVENT_FAMILIES], { examples: ["stop.arrived", "stop.*"] }),
  {
    ...{ minItems: 1, maxItems: EVENT_NAMES_MAX, uniqueItems: true },
    description: "Names, or `stop.*` for a family",
  },
);

const webhook = {
  id: Type.String(),
  fleetId: Type.Integer(),
  url: Type.String(),
  description: Nullable(Type.String()),
  events: Nullable(Type.Array(Type.String(), { description: "Null: every event" })),
  enabled: Type.Boolean(),
  disabledReason: Nullable(
    Type.Enum(["asked", "gone", "failing"], {
      description: "gone: it answered 410; failing: nothing taken for 5 days",
    }),
  ),
  disabledAt: Nullable(Time),
  failingSince: Nullable(
    Type.String({ format: "date-time", description: "The first failure since something was taken" }),
  ),
  previousSecretUntil: Nullable(
    Type.String({ format: "date-time", description: "Until then the secret before signs too" }),
  ),
  createdAt: Time,
  updatedAt: Time,
};

export const WebhookSchema = named("Webhook", Type.Object(webhook));

export const WebhookWithSecret = named(
  "WebhookWithSecret",
  Type.Object({ ...webhook, secret: Type.String({ description: "Shown this once" }) }),
);

const delivery = {
  id: Type.String(),
  eventId: Type.String({ description: "Sent as `webhook-id`" }),
  eventType: Type.String(),
  subject: Type.String({ description: "Deliveries of one subject go one after the other" }),
  status: Type.Enum([...DELIVERY_STATUSES], {
    description:
      "new, waiting (for an earlier one of its subject), ready (for its next attempt), delivered, dead (given up)",
  }),
  attempts: Type.Integer(),
  underWay: Type.Boolean(),
  lastOutcome: Nullable(Type.String()),
  nextAttemptAt: Nullable(Time),
  createdAt: Time,
  finishedAt: Nullable(Time),
};

export const DeliverySchema = named("WebhookDelivery", Type.Object(delivery));

const AttemptObject = Type.Object({
  attempt: Type.Integer(),
  startedAt: Time,
  durationMs: Type.Integer(),
  outcome: Type.Enum([...OUTCOMES]),
  status: Nullable(Type.Integer({ description: "HTTP status; null where there was no answer" })),
  detail: Nullable(Type.String()),
  answer: Nullable(Type.String({ description: "The beginning of the answer's body" })),
});

export const DeliveryWithLog = named(
  "WebhookDeliveryWithLog",
  Type.Object({ ...delivery, log: Type.Array(AttemptObject) }),
);

export function webhookJson(endpoint: WebhookEndpoint): Static<typeof WebhookSchema> {
  const { endpointId, disabledAt, failingSince, previousSecretUntil, createdAt, updatedAt, ...rest } = endpoint;
  return {
    ...rest,
    id: String(endpointId),
    enabled: disabledAt === null,
    disabledAt: timeTextOrNull(disabledAt),
    failingSince: timeTextOrNull(failingSince),
    previousSecretUntil: timeTextOrNull(previousSecretUntil),
    createdAt: timeText(createdAt),
    updatedAt: timeText(updatedAt),
  };
}

export function deliveryJson(row: StoredDelivery): Static<typeof DeliverySchema> {
  return {
    id: row.deliveryId,
    eventId: row.eventId,
    eventType: row.eventType,
    subject: row.subject,
    status: row.status,
    attempts: row.attempts,
    underWay: row.isUnderWay,
    lastOutcome: row.lastOutcome,
    nextAttemptAt: timeTextOrNull(row.nextAttemptAt),
    createdAt: timeText(row.createdAt),
    finishedAt: timeTextOrNull(row.finishedAt),
  };
}

export function deliveryLogJson(row: StoredDelivery & { log: StoredAttempt[] }): Static<typeof DeliveryWithLog> {
  const log = row.log.map((attempt) => ({
    ...attempt,
    outcome: attempt.outcome as (typeof OUTCOMES)[number],
    startedAt: timeText(attempt.startedAt),
  }));
  return { ...deliveryJson(row), log };
}
