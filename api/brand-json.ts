import { type Static, Type } from "typebox";
import type { Brand } from "#store/brands.ts";
import { Nullable, named, Time, timeText } from "./schemas.ts";
import { VisibilitySchema } from "./tracking/visibility-json.ts";

const LOGO_CHARACTERS_MAX = 300_000;
const STOPS_AWAY_MAX = 500;
const MINUTES_AWAY_MAX = 1_440;

export const Appearance = Type.Object(
  {
    logo: Type.Optional(
      Nullable(
        Type.String({
          maxLength: LOGO_CHARACTERS_MAX,
          pattern: "^data:image/(png|jpeg|webp|svg\\+xml);base64,[A-Za-z0-9+/]+=*$",
          description: "A picture in a data URL: the page asks no third party for anything",
        }),
      ),
    ),
    colour: Type.Optional(Nullable(Type.String({ pattern: "^#[0-9a-fA-F]{6}$" }))),
  },
  { additionalProperties: false },
);

export const Support = Type.Object(
  {
    phone: Type.Optional(Nullable(Type.String({ minLength: 3, maxLength: 40 }))),
    email: Type.Optional(Nullable(Type.String({ format: "email", maxLength: 254 }))),
    url: Type.Optional(Nullable(Type.String({ pattern: "^https://[^\\s\"'<>]+$", maxLength: 1_000 }))),
  },
  { additionalProperties: false, description: "Whom the person waiting can ask" },
);

const ClockTime = Type.String({ pattern: "^([01]\\d|2[0-3]):[0-5]\\d$" });

export const Notifications = Type.Object(
  {
    channels: Type.Optional(Type.Array(Type.Enum(["email", "sms"]), { uniqueItems: true })),
    quietHours: Type.Optional(
      Nullable(
        Type.Object(
          { from: ClockTime, to: ClockTime },
          { additionalProperties: false, description: "In the time zone of the stop; nothing is sent then" },
        ),
      ),
    ),
    triggers: Type.Optional(
      Type.Object(
        {
          routeStarted: Type.Optional(Type.Boolean()),
          stopsAway: Type.Optional(Type.Array(Type.Integer({ minimum: 0, maximum: STOPS_AWAY_MAX }), { maxItems: 5 })),
          minutesAway: Type.Optional(
            Type.Array(Type.Integer({ minimum: 1, maximum: MINUTES_AWAY_MAX }), { maxItems: 5 }),
          ),
          arrived: Type.Optional(Type.Boolean()),
          delivered: Type.Optional(Type.Boolean()),
          failed: Type.Optional(Type.Boolean()),
          delayed: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false, description: "What the person waiting is told of; nothing unless asked for" },
      ),
    ),
  },
  { additionalProperties: false },
);

export const BrandSchema = named(
  "Brand",
  Type.Object({
    id: Type.String(),
    fleetId: Type.Integer(),
    externalId: Nullable(Type.String()),
    name: Type.String(),
    appearance: Appearance,
    support: Support,
    visibility: VisibilitySchema,
    notifications: Notifications,
    isDefault: Type.Boolean({ description: "The brand of routes that name none" }),
    createdAt: Time,
    updatedAt: Time,
  }),
);

export function brandJson(brand: Brand): Static<typeof BrandSchema> {
  const { brandId, fleetId, externalId, name, appearance, support, visibility, notifications, isDefault } = brand;
  return {
    id: String(brandId),
    ...{ fleetId, externalId, name, appearance, support, visibility, notifications, isDefault },
    createdAt: timeText(brand.createdAt),
    updatedAt: timeText(brand.updatedAt),
  };
}
