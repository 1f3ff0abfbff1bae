import { Resolver } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import { Agent, buildConnector } from "undici";
import { type AddressRules, refusedRange } from "./address-rules.ts";
import { refusedHost } from "./url-rules.ts";

/** The addresses of a host name; rejects with a code of node:dns. */
export type Resolve = (hostname: string) => Promise<string[]>;

export type PinnedAgentOptions = AddressRules & {
  resolve: Resolve;
  connections: number;
  connectTimeoutMs: number;
  /** Certificate authorities besides the system's; for tests. */
  ca?: string;
};

/** A connection is not kept for longer than most servers keep it: a request on one that is just closing would fail. */
const KEPT_CONNECTION_MS = 1_000;
const RESOLVE_TIMEOUT_MS = 5_000;
const RESOLVE_TRIES = 2;
/** Headers of an answer; nothing of them is used but Retry-After. */
const HEADER_BYTES_MAX = 16_384;

export class AddressRefusedError extends Error {
  readonly code = "address_refused";
}

/**
 * An HTTP client that connects to public addresses only. A name is resolved when a connection is made, every address it
 * has is judged, and the connection goes to the very addresses that were judged: a name that answers otherwise a moment
 * later (DNS rebinding) is never asked again. Redirects are not followed.
 */
export function openPinnedAgent(options: PinnedAgentOptions): Agent {
  const connect = buildConnector({
    lookup: pinnedLookup(options),
    timeout: options.connectTimeoutMs,
    allowH2: false,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  });
  return new Agent({
    connections: options.connections,
    pipelining: 1,
    keepAliveTimeout: KEPT_CONNECTION_MS,
    keepAliveMaxTimeout: KEPT_CONNECTION_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    connect: (target, callback) => {
      // An address in place of a name is connected to without being looked up.
      const range = refusedHost(target.hostname, options);
      if (range === undefined) connect(target, callback);
      else callback(new AddressRefusedError(`the address is not public (${range})`), null);
    },
  });
}

function pinnedLookup(options: PinnedAgentOptions): LookupFunction {
  return (hostname, { all }, callback) => {
    resolvePublic(hostname, options).then(
      (addresses) => {
        const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
        if (all) callback(null, found);
        else callback(null, found[0]!.address, found[0]!.family);
      },
      (error: Error) => callback(error, []),
    );
  };
}

/** One address that is not public refuses the name: whoever mixes them is after the other one. */
async function resolvePublic(hostname: string, options: PinnedAgentOptions): Promise<string[]> {
  const addresses = await options.resolve(hostname);
  if (addresses.length === 0) throw new AddressRefusedError("the name has no address");
  for (const address of addresses) {
    const range = refusedRange(address, options);
    if (range !== undefined)
      throw new AddressRefusedError(`the name resolves to an address that is not public (${range})`);
  }
  return addresses;
}

/**
 * Asks the name servers directly. The system's own look-up would take one of the process's few threads for as long as a
 * slow name server likes, and know names that only this machine has.
 */
export function openResolver(): Resolve {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: RESOLVE_TRIES });
  return async (hostname) => {
    if (/(^|\.)localhost\.?$/i.test(hostname)) return ["127.0.0.1"];
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    if (v4.status === "rejected" && v6.status === "rejected") throw v4.reason;
    return [v4, v6].flatMap((found) => (found.status === "fulfilled" ? found.value : []));
  };
}
