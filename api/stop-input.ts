import { type Static, Type } from "typebox";
import { STOP_KINDS, type StopContent } from "#store/plan-rows.ts";
import type { Geocode } from "./geocoder.ts";
import { Problem } from "./problems.ts";
import { Attributes, Degrees, Nullable, parseTimeMs, Time } from "./schemas.ts";
import { Contact } from "./stop-json.ts";

/** Stops as they are given: their schema, and what is made of it. */

export const STOP_RADIUS_DEFAULT_M = 75;
const RADIUS_M_MIN = 10;
const RADIUS_M_MAX = 5_000;
const SERVICE_S_MAX = 86_400;
const TEXT_CHARACTERS_MAX = 2_000;
const NAME_CHARACTERS_MAX = 200;
const DEMAND_MAX = 1e9;
/** Of a policy as JSON: every list of stops and routes carries theirs. */
const POLICY_CHARACTERS_MAX = 20_000;
/** Addresses of one request that are looked up. */
export const GEOCODED_STOPS_MAX = 100;

export const Name = Type.String({
  minLength: 1,
  maxLength: NAME_CHARACTERS_MAX,
  pattern: "^[^\\u0000-\\u001f\\u007f]+$",
});
export const ExternalId = Type.String({ ...Name, description: "What the fleet calls it; one of a fleet has it" });
const Text = Type.String({ minLength: 1, maxLength: TEXT_CHARACTERS_MAX });

export const StopFields = {
  kind: Type.Optional(Type.Enum([...STOP_KINDS])),
  lat: Type.Optional(Degrees(90)),
  lon: Type.Optional(Degrees(180)),
  radiusM: Type.Optional(Type.Number({ minimum: RADIUS_M_MIN, maximum: RADIUS_M_MAX })),
  address: Type.Optional(Nullable(Text)),
  contact: Type.Optional(Contact),
  notes: Type.Optional(Nullable(Text)),
  windowStart: Type.Optional(Nullable(Time)),
  windowEnd: Type.Optional(Nullable(Time)),
  serviceSeconds: Type.Optional(Nullable(Type.Integer({ minimum: 0, maximum: SERVICE_S_MAX }))),
  demand: Type.Optional(Type.Number({ minimum: 0, maximum: DEMAND_MAX })),
  promisedBy: Type.Optional(Nullable(Time)),
  timeZone: Type.Optional(Nullable(Type.String({ minLength: 1, maxLength: 64, description: "IANA, Europe/Lisbon" }))),
  policy: Type.Optional(Attributes),
};

export const StopInput = Type.Object(
  { externalId: Type.Optional(Nullable(ExternalId)), ...StopFields },
  { additionalProperties: false },
);
export type StopInput = Static<typeof StopInput>;

/** What a stop is where nothing is said. */
export const EMPTY_STOP: StopContent = {
  externalId: null,
  kind: "delivery",
  latDeg: Number.NaN,
  lonDeg: Number.NaN,
  radiusM: STOP_RADIUS_DEFAULT_M,
  address: null,
  contact: {},
  notes: null,
  windowStartMs: null,
  windowEndMs: null,
  serviceS: null,
  demand: 0,
  promisedByMs: null,
  timeZone: null,
  policy: {},
};

/** Whole stops: what is left out is at its default, and addresses without coordinates are looked up. */
export async function stopContents(
  inputs: readonly StopInput[],
  geocode: Geocode | undefined,
  pointerOf: (index: number) => string,
): Promise<StopContent[]> {
  const contents: StopContent[] = [];
  let lookedUp = 0;
  for (const [index, input] of inputs.entries()) {
    const pointer = pointerOf(index);
    if (input.lat === undefined && geocode !== undefined && ++lookedUp > GEOCODED_STOPS_MAX) {
      throw unfit(`${pointer}/address`, `at most ${GEOCODED_STOPS_MAX} addresses are looked up in a request`);
    }
    const content = { ...EMPTY_STOP, ...(await stopChange(input, geocode, pointer)) };
    if (Number.isNaN(content.latDeg)) throw unfit(`${pointer}/lat`, "lat and lon, or an address, are needed");
    checkTimes(content, pointer);
    contents.push(content);
  }
  return contents;
}

/** What is given of a stop, and nothing else. An address that comes without coordinates is looked up. */
export async function stopChange(
  input: StopInput,
  geocode: Geocode | undefined,
  pointer = "",
): Promise<Partial<StopContent>> {
  const { lat, lon, windowStart, windowEnd, promisedBy, serviceSeconds, timeZone, ...same } = input;
  if ((lat === undefined) !== (lon === undefined)) throw unfit(`${pointer}/lat`, "lat and lon come together");
  const policyDetail = policyTooLong(input.policy);
  if (policyDetail !== undefined) throw unfit(`${pointer}/policy`, policyDetail);
  if (timeZone != null && !isTimeZone(timeZone)) throw unfit(`${pointer}/timeZone`, "no time zone of the IANA");
  const place =
    lat !== undefined && lon !== undefined
      ? { latDeg: lat, lonDeg: lon }
      : input.address == null
        ? {}
        : await lookedUp(input.address, geocode, pointer);
  const timeOf = (text: string | null, name: string) =>
    text === null ? null : parseTimeMs(text, "body", `${pointer}/${name}`);
  return {
    ...same,
    ...place,
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(serviceSeconds === undefined ? {} : { serviceS: serviceSeconds }),
    ...(windowStart === undefined ? {} : { windowStartMs: timeOf(windowStart, "windowStart") }),
    ...(windowEnd === undefined ? {} : { windowEndMs: timeOf(windowEnd, "windowEnd") }),
    ...(promisedBy === undefined ? {} : { promisedByMs: timeOf(promisedBy, "promisedBy") }),
  };
}

/** Why a policy is refused; undefined where it fits. */
export function policyTooLong(policy: object | undefined): string | undefined {
  const characters = policy === undefined ? 0 : JSON.stringify(policy).length;
  return characters <= POLICY_CHARACTERS_MAX ? undefined : `has more than ${POLICY_CHARACTERS_MAX} characters as JSON`;
}

/** Throws `stop_unfit` where a time window ends before it begins. */
export function checkTimes(
  { windowStartMs, windowEndMs }: Pick<StopContent, "windowStartMs" | "windowEndMs">,
  pointer = "",
): void {
  if (windowStartMs !== null && windowEndMs !== null && windowEndMs < windowStartMs) {
    throw unfit(`${pointer}/windowEnd`, "the window ends before it begins");
  }
}

async function lookedUp(
  address: string,
  geocode: Geocode | undefined,
  pointer: string,
): Promise<Pick<StopContent, "latDeg" | "lonDeg">> {
  if (geocode === undefined) {
    throw new Problem("coordinates_missing", {
      detail: "Give lat and lon, or set GEOCODER_URL for addresses to be looked up.",
      extensions: { errors: [{ in: "body", pointer: `${pointer}/lat`, detail: "is missing" }] },
    });
  }
  const found = await geocode(address);
  switch (found.kind) {
    case "found":
      return { latDeg: found.latDeg, lonDeg: found.lonDeg };
    case "unknown":
      throw new Problem("address_unknown", {
        extensions: { errors: [{ in: "body", pointer: `${pointer}/address`, detail: "is not known to the geocoder" }] },
      });
    case "away":
      throw new Problem("geocoder_away", { detail: found.detail });
  }
}

function unfit(pointer: string, detail: string): Problem {
  return new Problem("stop_unfit", { detail, extensions: { errors: [{ in: "body", pointer, detail }] } });
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
