import { Type } from "typebox";

/** What a limit may be at most: no limit at all would be said by `always`. */
const STOPS_MAX = 1_000;
const MINUTES_MAX = 10_080;
const METRES_MAX = 1_000_000;

const closed = { additionalProperties: false };
const Choice = Type.Enum(["never", "always"]);
const Rule = Type.Union([
  Choice,
  Type.Object({ withinStops: Type.Integer({ minimum: 0, maximum: STOPS_MAX }) }, closed),
  Type.Object({ withinMinutes: Type.Number({ minimum: 0, maximum: MINUTES_MAX }) }, closed),
  Type.Object({ withinMetres: Type.Number({ minimum: 0, maximum: METRES_MAX }) }, closed),
]);

/** When each field is shown. What a link leaves out is as its brand has it, then as the defaults have it. */
export const VisibilitySchema = Type.Object(
  {
    position: Type.Optional(Rule),
    eta: Type.Optional(Rule),
    stopsAway: Type.Optional(Rule),
    driver: Type.Optional(Rule),
    vehicle: Type.Optional(Rule),
    plate: Type.Optional(Rule),
    proof: Type.Optional(Choice),
    photo: Type.Optional(Choice),
  },
  {
    additionalProperties: false,
    description: `When each field shows: never, always, within so many stops, minutes or metres. Unless told the position
shows within five stops, plate and photos never, the others always. Whatever is said, a position shows only while the route
is on its way and the stop ahead, and never in a privacy zone; of the driver only the first name shows.`,
  },
);
