import ipaddr from "ipaddr.js";

/**
 * Which network addresses a webhook may be delivered to: public unicast ones. What the address means is told by
 * `ipaddr.js`, which keeps the IANA special-purpose registries; here stands only what a cloud adds to them.
 */

/** Public by its range, but answered by the host of a virtual machine with its metadata (Azure's WireServer). */
const METADATA_ADDRESSES = new Set(["168.63.129.16"]);
/** Global unicast. What lies outside of it, and is not in the registries, is unassigned or embeds an IPv4 address. */
const IPV6_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

export type AddressRules = {
  /** For development: a receiver on this machine. */
  allowLoopback: boolean;
};

/** Why the address (text of an IPv4 or IPv6 address) is refused, in one word; undefined where it may be connected to. */
export function refusedRange(text: string, { allowLoopback }: AddressRules): string | undefined {
  // A zone (`fe80::1%eth0`) names an interface of ours.
  if (!ipaddr.isValid(text) || text.includes("%")) return "malformed";
  const address = ipaddr.parse(text);
  const range = address.range();
  if (range === "loopback" && allowLoopback) return undefined;
  if (range !== "unicast") return range;
  if (address instanceof ipaddr.IPv6 && !address.match(IPV6_UNICAST)) return "unassigned";
  if (METADATA_ADDRESSES.has(address.toString())) return "metadata";
  return undefined;
}
