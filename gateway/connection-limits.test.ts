import { describe, expect, it } from "vitest";
import { addressKey, ConnectionLimits, plainAddress } from "./connection-limits.ts";

describe("the key by which an address is counted", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["2001:0DB8:0001:0002::", "2001:db8:1:2::/64"],
  ])("of %s is %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });

  it("writes an IPv4 address on a dual-stack socket as IPv4", () => {
    expect(plainAddress("::ffff:192.0.2.7")).toBe("192.0.2.7");
    expect(plainAddress("2001:db8::1")).toBe("2001:db8::1");
  });
});

describe("places", () => {
  it("are given up to both maxima and free again when left", () => {
    const limits = new ConnectionLimits(3, 1);
    expect([limits.enter(), limits.enter(), limits.enter(), limits.enter()]).toEqual([
      undefined,
      undefined,
      undefined,
      "total",
    ]);
    expect([limits.enterAddress("192.0.2.1"), limits.enterAddress("192.0.2.1")]).toEqual([undefined, "perAddress"]);
    expect(limits.enterAddress("192.0.2.2")).toBeUndefined();
    limits.leave();
    limits.leaveAddress("192.0.2.1");
    expect(limits.enter()).toBeUndefined();
    expect(limits.enterAddress("192.0.2.1")).toBeUndefined();
  });
});
