/** Coordinates of addresses, from a server that answers as Nominatim's `/search` does. */

export type Geocoded =
  | { kind: "found"; latDeg: number; lonDeg: number }
  /** The server knows no such address. */
  | { kind: "unknown" }
  /** The server does not answer as it should; another time it may. */
  | { kind: "away"; detail: string };

export type Geocode = (address: string) => Promise<Geocoded>;

const TIMEOUT_MS = 5_000;
const ANSWER_CHARACTERS_MAX = 100_000;
/** Addresses come again with every import: answers are kept, the oldest dropped first. */
const KEPT_ADDRESSES_MAX = 10_000;

/** `baseUrl` is what stands before `/search`. Found and unknown addresses are asked for once, as long as this lives. */
export function openGeocoder(baseUrl: string): Geocode {
  const kept = new Map<string, Geocoded>();
  return async (address) => {
    const known = kept.get(address);
    if (known !== undefined) return known;
    const found = await ask(baseUrl, address);
    if (found.kind === "away") return found;
    kept.set(address, found);
    if (kept.size > KEPT_ADDRESSES_MAX) kept.delete(kept.keys().next().value!);
    return found;
  };
}

async function ask(baseUrl: string, address: string): Promise<Geocoded> {
  const url = new URL(`${baseUrl.replace(/\/$/, "")}/search`);
  url.search = new URLSearchParams({ q: address, format: "jsonv2", limit: "1" }).toString();
  try {
    const answer = await fetch(url, {
      headers: { accept: "application/json", "user-agent": "telematics-gateway" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "error",
    });
    if (!answer.ok) return { kind: "away", detail: `The geocoder answers ${answer.status}.` };
    const text = await answer.text();
    if (text.length > ANSWER_CHARACTERS_MAX) return { kind: "away", detail: "The geocoder answers too much." };
    return parsePlaces(JSON.parse(text));
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    return {
      kind: "away",
      detail: name === "SyntaxError" ? "The geocoder does not answer JSON." : "The geocoder does not answer.",
    };
  }
}

/** `[{"lat": "41.15", "lon": "-8.61", …}, …]`; numbers are taken too. */
function parsePlaces(answer: unknown): Geocoded {
  if (!Array.isArray(answer)) return { kind: "away", detail: "The geocoder does not answer a list." };
  const place: unknown = answer[0];
  if (typeof place !== "object" || place === null) return { kind: "unknown" };
  const latDeg = "lat" in place ? Number.parseFloat(String(place.lat)) : Number.NaN;
  const lonDeg = "lon" in place ? Number.parseFloat(String(place.lon)) : Number.NaN;
  if (Math.abs(latDeg) <= 90 && Math.abs(lonDeg) <= 180) return { kind: "found", latDeg, lonDeg };
  return { kind: "away", detail: "The geocoder answers no coordinates." };
}
