import { AddressFamilyType, Command, IPv4ProxyAddress, IPv6ProxyAddress, V2ProxyProtocol } from "proxy-protocol-js";
import { PROXY_HEADER_BYTES_MAX } from "./maxima.ts";

export type ProxyHeader =
  | { kind: "incomplete"; needed: number }
  /** `sourceAddress` is undefined where the balancer speaks for itself (health checks). */
  | { kind: "header"; consumed: number; sourceAddress: string | undefined }
  | { kind: "rejected" };

const SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const FIXED_BYTES = 16;

/**
 * Reads a PROXY protocol v2 header (HAProxy, proxy-protocol.txt, section 2.2) from the start of a connection.
 *
 *     0  12  signature          12  1  version 2, command      13  1  family, transport
 *     14  2  length that follows, big-endian                   16  …  addresses, extensions
 *
 * The library that interprets it knows neither truncation nor where the payload begins, and throws: length and
 * signature are therefore checked here, and it is given exactly one whole header.
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  const signatureBytes = Math.min(bytes.length, SIGNATURE.length);
  for (let index = 0; index < signatureBytes; index += 1) {
    if (bytes[index] !== SIGNATURE[index]) return { kind: "rejected" };
  }
  if (bytes.length < FIXED_BYTES) return { kind: "incomplete", needed: FIXED_BYTES };
  const consumed = FIXED_BYTES + bytes[14]! * 256 + bytes[15]!;
  if (consumed > PROXY_HEADER_BYTES_MAX) return { kind: "rejected" };
  if (bytes.length < consumed) return { kind: "incomplete", needed: consumed };
  return interpret(bytes.slice(0, consumed));
}

function interpret(header: Uint8Array): ProxyHeader {
  let parsed: V2ProxyProtocol;
  try {
    parsed = V2ProxyProtocol.parse(header);
  } catch {
    return { kind: "rejected" };
  }
  const consumed = header.length;
  const { proxyAddress } = parsed;
  if (parsed.command === Command.LOCAL) return { kind: "header", consumed, sourceAddress: undefined };
  if (proxyAddress instanceof IPv4ProxyAddress) {
    return { kind: "header", consumed, sourceAddress: proxyAddress.sourceAddress.address.join(".") };
  }
  if (proxyAddress instanceof IPv6ProxyAddress) {
    return { kind: "header", consumed, sourceAddress: writeIPv6(proxyAddress.sourceAddress.address) };
  }
  return parsed.addressFamilyType === AddressFamilyType.UNSPEC
    ? { kind: "header", consumed, sourceAddress: undefined }
    : { kind: "rejected" };
}

function writeIPv6(bytes: readonly number[]): string {
  const groups: string[] = [];
  for (let index = 0; index < 16; index += 2) groups.push((bytes[index]! * 256 + bytes[index + 1]!).toString(16));
  return groups.join(":");
}
