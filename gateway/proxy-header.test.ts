import fc from "fast-check";
import {
  Command,
  IPv4Address,
  IPv4ProxyAddress,
  IPv6Address,
  IPv6ProxyAddress,
  TransportProtocol,
  UnspecProxyAddress,
  V2ProxyProtocol,
} from "proxy-protocol-js";
import { describe, expect, it } from "vitest";
import { parseProxyHeader } from "./proxy-header.ts";

const local = IPv4Address.createFrom([127, 0, 0, 1]);
const source = new IPv4ProxyAddress(IPv4Address.createFrom([203, 0, 113, 9]), 40_000, local, 5_027);
const header = (command: Command, address = source) =>
  new V2ProxyProtocol(command, TransportProtocol.STREAM, address).build();
const proxied = header(Command.PROXY);

describe("a PROXY header", () => {
  it("gives the device's IPv4 address and leaves what follows alone", () => {
    const parsed = parseProxyHeader(Uint8Array.of(...proxied, 0xff, 0x00));
    expect(parsed).toEqual({ kind: "header", consumed: proxied.length, sourceAddress: "203.0.113.9" });
  });

  it("gives the device's IPv6 address", () => {
    const from = IPv6Address.createFrom([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    const bytes = new V2ProxyProtocol(
      Command.PROXY,
      TransportProtocol.STREAM,
      new IPv6ProxyAddress(from, 40_000, IPv6Address.createWithEmptyAddress(), 5_027),
    ).build();
    expect(parseProxyHeader(bytes)).toMatchObject({ kind: "header", sourceAddress: "2001:db8:0:0:0:0:0:7" });
  });

  it("of the balancer's own connection, or without an address, names none", () => {
    expect(parseProxyHeader(header(Command.LOCAL))).toMatchObject({ kind: "header", sourceAddress: undefined });
    const bytes = new V2ProxyProtocol(Command.PROXY, TransportProtocol.UNSPEC, new UnspecProxyAddress()).build();
    expect(parseProxyHeader(bytes)).toMatchObject({ kind: "header", sourceAddress: undefined });
  });

  it("asks for more at every truncation", () => {
    for (let length = 0; length < proxied.length; length += 1) {
      const parsed = parseProxyHeader(proxied.subarray(0, length));
      expect(parsed.kind).toBe("incomplete");
      if (parsed.kind === "incomplete") expect(parsed.needed).toBeGreaterThan(length);
    }
  });

  it("takes its extensions with it", () => {
    const extended = Uint8Array.of(...proxied, 0x04, 0x00, 0x02, 0xaa, 0xbb);
    extended[15] = 17;
    expect(parseProxyHeader(extended)).toMatchObject({ kind: "header", consumed: extended.length });
  });

  it("is rejected at the first wrong byte, when too long, and when it lies about its length", () => {
    expect(parseProxyHeader(Uint8Array.of(0x0d, 0x0b))).toEqual({ kind: "rejected" });
    const long = Uint8Array.from(proxied);
    long[14] = 0xff;
    expect(parseProxyHeader(long)).toEqual({ kind: "rejected" });
    const short = Uint8Array.from(proxied);
    short[15] = 4;
    expect(parseProxyHeader(short)).toEqual({ kind: "rejected" });
  });

  it("of any other content is a value, never an exception, and consumes no more than there is", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 260 }), (rest) => {
        const bytes = Uint8Array.of(...proxied.subarray(0, 12), ...rest);
        const parsed = parseProxyHeader(bytes);
        if (parsed.kind === "header") expect(parsed.consumed).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
