import type { IncomingMessage } from "node:http";
import { frameOf as osmAndFrame } from "#decoders/osmand/index.ts";
import { frameOfPost as ownTracksFrame } from "#decoders/owntracks/index.ts";

/** What a request is in terms of its protocol, and what it says to prove its device. */
export type PhoneRequest = {
  protocol: "osmand" | "owntracks";
  /** The journal's frame: the request without its password. */
  frame: Uint8Array;
  password: string | undefined;
  /** User of HTTP Basic. */
  username: string | undefined;
};

/** Where the app of OwnTracks posts to (its Recorder's path); everything else is OsmAnd or Traccar Client. */
const OWNTRACKS_PATH = "/pub";
const PASSWORD_PARAMETER = "password";

export function readPhoneRequest(request: IncomingMessage, body: Uint8Array): PhoneRequest {
  const { path, query, password } = withoutPassword(request.url ?? "/");
  const basic = basicOf(request.headers.authorization);
  const proof = { username: basic?.username, password: basic?.password ?? password };
  if (path === OWNTRACKS_PATH) {
    const parameters = new URLSearchParams(query);
    const user = headerOf(request, "x-limit-u") ?? parameters.get("u") ?? basic?.username;
    const device = headerOf(request, "x-limit-d") ?? parameters.get("d");
    const named = { ...(user ? { user } : {}), ...(device ? { device } : {}) };
    return { protocol: "owntracks", frame: ownTracksFrame({ ...named, body }), ...proof };
  }
  const contentType = request.headers["content-type"];
  const frame = osmAndFrame({
    method: request.method ?? "GET",
    path: query === "" ? path : `${path}?${query}`,
    ...(contentType === undefined ? {} : { contentType }),
    body,
  });
  return { protocol: "osmand", frame, ...proof };
}

/** True when the user of HTTP Basic may stand for the device: empty, its uid or the first part of it. */
export function isUserOf(uid: string, username: string | undefined): boolean {
  return !username || username === uid || username === uid.split("/")[0];
}

/** Takes the password out of the query and leaves the rest as it came. */
function withoutPassword(url: string): { path: string; query: string; password: string | undefined } {
  const start = url.indexOf("?");
  if (start < 0) return { path: url, query: "", password: undefined };
  const kept: string[] = [];
  let password: string | undefined;
  for (const pair of url.slice(start + 1).split("&")) {
    const given = new URLSearchParams(pair).get(PASSWORD_PARAMETER);
    if (given === null) kept.push(pair);
    else password ??= given;
  }
  return { path: url.slice(0, start), query: kept.join("&"), password };
}

function basicOf(authorization: string | undefined): { username: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const [username = "", ...password] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  return { username, password: password.join(":") };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
