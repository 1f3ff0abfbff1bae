/**
 * When a field of a tracking link is shown. Stored as JSON with brands and links; what a link does not say its brand says,
 * what neither says the defaults do.
 */
export type Rule =
  | "never"
  | "always"
  /** At most so many stops are served before this one; 0: the vehicle is on its way here. */
  | { readonly withinStops: number }
  /** The time of arrival that was told is at most so far ahead. */
  | { readonly withinMinutes: number }
  /** The vehicle is at most so far from the stop, as the crow flies. */
  | { readonly withinMetres: number };

export const FIELDS = ["position", "eta", "stopsAway", "driver", "vehicle", "plate", "proof", "photo"] as const;
export type Field = (typeof FIELDS)[number];
export type Visibility = { readonly [field in Field]: Rule };

export const DEFAULT_VISIBILITY: Visibility = {
  position: { withinStops: 5 },
  eta: "always",
  stopsAway: "always",
  driver: "always",
  vehicle: "always",
  plate: "never",
  proof: "always",
  photo: "never",
};

const LIMITS = ["withinStops", "withinMinutes", "withinMetres"] as const;

/** The rules of a link from what link and brand have stored. A rule that cannot be understood shows nothing. */
export function resolveVisibility(link: unknown, brand: unknown): Visibility {
  const ruleOf = (field: Field): Rule => {
    for (const stored of [link, brand]) {
      const value = memberOf(stored, field);
      if (value !== undefined && value !== null) return parseRule(value);
    }
    return DEFAULT_VISIBILITY[field];
  };
  return Object.fromEntries(FIELDS.map((field) => [field, ruleOf(field)])) as Visibility;
}

function parseRule(value: unknown): Rule {
  if (value === "always") return value;
  for (const name of LIMITS) {
    const limit = memberOf(value, name);
    if (typeof limit === "number" && limit >= 0) return { [name]: limit } as Rule;
  }
  return "never";
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
