import { isIP } from "node:net";
import { type AddressRules, refusedRange } from "./address-rules.ts";

export const URL_CHARACTERS_MAX = 2_048;
const HTTPS_PORT = 443;
/** Below are ports of other services (mail, databases' monitors …) that a request could be made to speak to. */
const UNPRIVILEGED_PORT_MIN = 1_024;

export type UrlVerdict = { kind: "fit"; url: URL } | { kind: "refused"; reason: string };

/**
 * Looks at the URL of an endpoint as it is written. Host names are looked at again by what they resolve to, each time that
 * a connection is made.
 */
export function judgeUrl(text: string, rules: AddressRules): UrlVerdict {
  const refused = (reason: string): UrlVerdict => ({ kind: "refused", reason });
  if (text.length > URL_CHARACTERS_MAX) return refused(`is longer than ${URL_CHARACTERS_MAX} characters`);
  const url = URL.parse(text);
  if (url === null) return refused("is not a URL");
  if (url.username !== "" || url.password !== "") return refused("carries credentials");
  if (url.hash !== "") return refused("has a fragment, which is never sent");
  const isLocal = rules.allowLoopback && isLoopbackHost(url.hostname, rules);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLocal)) return refused("is not https");
  const port = url.port === "" ? HTTPS_PORT : Number(url.port);
  if (port !== HTTPS_PORT && port < UNPRIVILEGED_PORT_MIN && !isLocal) {
    return refused(`names port ${port}; allowed are ${HTTPS_PORT} and those from ${UNPRIVILEGED_PORT_MIN}`);
  }
  const range = isLocal ? undefined : refusedHost(url.hostname, rules);
  return range === undefined ? { kind: "fit", url } : refused(`names an address that is not public (${range})`);
}

/** Why a host, as a URL writes it, is refused before it is resolved. */
export function refusedHost(hostname: string, rules: AddressRules): string | undefined {
  const literal = literalOf(hostname);
  if (isIP(literal) !== 0) return refusedRange(literal, rules);
  // RFC 6761: these never leave the machine, whatever a resolver says.
  const isLocalName = /(^|\.)localhost\.?$/i.test(literal);
  return isLocalName && !rules.allowLoopback ? "loopback" : undefined;
}

function isLoopbackHost(hostname: string, rules: AddressRules): boolean {
  if (/(^|\.)localhost\.?$/i.test(hostname)) return true;
  const literal = literalOf(hostname);
  return isIP(literal) !== 0 && refusedRange(literal, { ...rules, allowLoopback: false }) === "loopback";
}

/** `[::1]` without its brackets. */
function literalOf(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}
