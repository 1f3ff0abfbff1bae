import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Problem } from "../problems.ts";
import { Degrees, Time } from "../schemas.ts";

const Text = (maxLength: number, description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description }));

/** The fields of a POD beside its files. Everything comes as text; numbers and flags are converted. */
export const PodFields = Type.Object(
  {
    outcome: Type.Enum(["delivered", "failed"], { description: "What came of it" }),
    reason: Text(200, "Why it failed; needed where it did"),
    deviceTime: Type.String({ ...Time, description: "When it was made, by the phone's clock" }),
    sentAt: Type.Optional(
      Type.String({
        ...Time,
        description: "What the phone's clock shows at sending: tells a wrong clock from a late upload",
      }),
    ),
    clientId: Text(200, "What the sender calls this POD; the same again is a retry. `Idempotency-Key` does as well"),
    lat: Type.Optional(Degrees(90)),
    lon: Type.Optional(Degrees(180)),
    accuracyM: Type.Optional(Type.Number({ minimum: 0, maximum: 100_000, description: "Radius of 68 %" })),
    positionTime: Type.Optional(
      Type.String({ ...Time, description: "When the phone had this position; deviceTime unless told" }),
    ),
    mock: Type.Optional(Type.Boolean({ description: "The phone says that its position is a mock" })),
    recipientName: Text(200, "Who took it"),
    relationship: Text(200, "Who that is to the recipient: self, neighbour, reception"),
    notes: Text(4_000, "Anything else"),
    idCheck: Text(200, "What was checked: passport, over 18"),
    pin: Text(40, "The PIN that the recipient was told"),
    scan: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 500 }), { maxItems: 60 })),
  },
  { additionalProperties: false },
);

export type PodFields = Static<typeof PodFields>;

/** How the body looks in the document: the parser, not this schema, reads it. */
export const PodBody = Type.Unsafe<unknown>({
  type: "object",
  properties: {
    ...PodFields.properties,
    photo: {
      type: "array",
      items: { type: "string", format: "binary" },
      description: "JPEG, PNG or WebP, up to 10 MB each",
    },
    signature: { type: "string", format: "binary" },
  },
  required: ["outcome", "deviceTime"],
});

const NUMBERS = new Set(["lat", "lon", "accuracyM"]);

/** Throws `validation` for unknown names, names given twice, and values that don't fit. */
export function parsePodFields(fields: readonly (readonly [string, string])[]): PodFields {
  const given: Record<string, unknown> = Object.create(null);
  const scans: string[] = [];
  for (const [name, value] of fields) {
    if (value.includes("\0") || !value.isWellFormed()) throw invalid(name, "holds U+0000 or half a surrogate pair");
    if (climbs(value)) throw invalid(name, "is a path that climbs");
    if (name === "scan") scans.push(value);
    else if (name in given) throw invalid(name, "is given twice");
    else if (value !== "") given[name] = converted(name, value);
  }
  if (scans.length > 0) given.scan = scans;
  const errors = Value.Errors(PodFields, { ...given });
  const [first] = errors;
  if (first !== undefined) {
    const details = errors.map(({ instancePath, message }) => ({ in: "body", pointer: instancePath, detail: message }));
    throw new Problem("validation", { extensions: { errors: details } });
  }
  const parsed = Value.Parse(PodFields, { ...given });
  if (parsed.outcome === "failed" && parsed.reason === undefined) throw invalid("reason", "is needed where it failed");
  if ((parsed.lat === undefined) !== (parsed.lon === undefined)) throw invalid("lon", "goes with lat");
  return parsed;
}

/** True where a segment of a path is `..`, written plainly or escaped. No field is a path; whoever sends one is no driver. */
export function climbs(text: string): boolean {
  const plain = text.replace(/%2e/gi, ".").replace(/%(2f|5c)/gi, "/");
  return /(^|[\\/])\.\.([\\/]|$)/.test(plain);
}

function converted(name: string, value: string): unknown {
  if (NUMBERS.has(name)) return value.trim() === "" ? value : Number(value);
  if (name === "mock") return value === "true" ? true : value === "false" ? false : value;
  return value;
}

function invalid(name: string, detail: string): Problem {
  const pointer = `/${name.slice(0, 100)}`;
  return new Problem("validation", { extensions: { errors: [{ in: "body", pointer, detail }] } });
}
