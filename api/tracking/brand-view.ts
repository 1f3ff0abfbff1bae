import type { TrackedStop } from "#store/tracked-stops.ts";
import type { TrackView } from "./track-json.ts";

/** A brand's logo as it is stored: a picture in a data URL, because the page asks no third party for anything. */
export type Logo = { mediaType: string; bytes: Buffer };

const LOGO_PATTERN = /^data:(image\/(?:png|jpeg|webp|svg\+xml));base64,([A-Za-z0-9+/]+=*)$/;
const LINK_PATTERN = /^https:\/\/[^\s"'<>]+$/;

/** Who brings it, as the page says it; `logoUrl` is where its logo is served, if it has one. Null: no brand. */
export function brandView(stop: TrackedStop, logoUrl: string): TrackView["brand"] {
  if (stop.brandName === null) return null;
  const url = textOf(stop.brandSupport, "url");
  return {
    name: stop.brandName,
    logo: parseLogo(stop.brandAppearance) === null ? null : logoUrl,
    support: {
      phone: textOf(stop.brandSupport, "phone"),
      email: textOf(stop.brandSupport, "email"),
      url: url !== null && LINK_PATTERN.test(url) ? url : null,
    },
  };
}

export function parseLogo(appearance: unknown): Logo | null {
  const found = LOGO_PATTERN.exec(textOf(appearance, "logo") ?? "");
  return found && { mediaType: found[1]!, bytes: Buffer.from(found[2]!, "base64") };
}

/** The brand's colour as `#rrggbb`; null where it has none. */
export function brandColour(appearance: unknown): string | null {
  const colour = textOf(appearance, "colour") ?? textOf(appearance, "color");
  return colour !== null && /^#[0-9a-f]{6}$/i.test(colour) ? colour.toLowerCase() : null;
}

function textOf(object: unknown, name: string): string | null {
  if (typeof object !== "object" || object === null || !Object.hasOwn(object, name)) return null;
  const value = (object as Record<string, unknown>)[name];
  return typeof value === "string" && value !== "" ? value : null;
}
