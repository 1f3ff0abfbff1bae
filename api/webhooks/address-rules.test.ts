import { describe, expect, test } from "vitest";
import { refusedRange } from "./address-rules.ts";
import { judgeUrl } from "./url-rules.ts";

const PUBLIC_ONLY = { allowLoopback: false };

const REFUSED: readonly [address: string, what: string][] = [
  ["0.0.0.0", "this host"],
  ["0.1.2.3", "this network"],
  ["10.0.0.1", "private"],
  ["10.255.255.255", "private, the last"],
  ["100.64.0.1", "carrier-grade NAT"],
  ["100.100.100.200", "metadata of Alibaba Cloud"],
  ["100.127.255.254", "carrier-grade NAT, the last"],
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback, the last"],
  ["168.63.129.16", "metadata of Azure"],
  ["169.254.0.1", "link-local"],
  ["169.254.169.254", "metadata of most clouds"],
  ["169.254.170.2", "credentials of containers"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private, the last"],
  ["192.0.0.192", "metadata of Oracle Cloud"],
  ["192.0.2.1", "documentation"],
  ["192.88.99.1", "6to4 relay"],
  ["192.168.0.1", "private"],
  ["198.18.0.1", "benchmarking"],
  ["198.51.100.1", "documentation"],
  ["203.0.113.1", "documentation"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.250", "multicast, SSDP"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "broadcast"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["::127.0.0.1", "IPv4-compatible"],
  ["::ffff:127.0.0.1", "mapped loopback"],
  ["::ffff:8.8.8.8", "mapped public"],
  ["::ffff:7f00:1", "mapped loopback in hexadecimal"],
  ["::ffff:0:10.0.0.1", "translated, SIIT"],
  ["64:ff9b::7f00:1", "NAT64 of loopback"],
  ["64:ff9b::a9fe:a9fe", "NAT64 of metadata"],
  ["64:ff9b:1::a00:1", "NAT64 for local use"],
  ["100::1", "discard"],
  ["2001::1", "Teredo"],
  ["2001:2::1", "benchmarking"],
  ["2001:10::1", "ORCHID"],
  ["2001:db8::1", "documentation"],
  ["2002:7f00:1::", "6to4 of loopback"],
  ["2002:a9fe:a9fe::1", "6to4 of metadata"],
  ["3fff::1", "documentation"],
  ["5f00::1", "segment routing"],
  ["fc00::1", "unique local"],
  ["fd00:ec2::254", "metadata of AWS"],
  ["fe80::1", "link-local"],
  ["fe80::1%eth0", "link-local with a zone"],
  ["fec0::1", "site-local"],
  ["ff02::1", "multicast"],
  ["4000::1", "unassigned"],
  ["", "nothing"],
  ["localhost", "a name"],
];

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "172.15.255.255",
  "172.32.0.1",
  "100.63.255.255",
  "169.253.0.1",
  "2606:4700::1111",
  "2a00:1450::1",
];

describe("addresses", () => {
  test.each(REFUSED)("%s is refused: %s", (address) => {
    expect(refusedRange(address, PUBLIC_ONLY)).toBeTypeOf("string");
  });

  test.each(PUBLIC)("%s is public", (address) => {
    expect(refusedRange(address, PUBLIC_ONLY)).toBeUndefined();
  });

  test("for development loopback is allowed, and nothing else", () => {
    const local = REFUSED.filter(([address]) => refusedRange(address, { allowLoopback: true }) === undefined);
    expect(local.map(([address]) => address)).toEqual(["127.0.0.1", "127.255.255.254", "::1"]);
  });
});

describe("URLs", () => {
  const REFUSED_URLS: readonly [url: string, why: string][] = [
    ["http://example.com/hook", "not https"],
    ["ftp://example.com/hook", "not https"],
    ["file:///etc/passwd", "not https"],
    ["example.com/hook", "not a URL"],
    ["https://user:secret@example.com/", "credentials"],
    ["https://user@example.com/", "credentials"],
    ["https://example.com/#part", "fragment"],
    ["https://example.com:22/", "port"],
    ["https://example.com:25/", "port"],
    ["https://127.0.0.1/", "public"],
    ["https://127.1/", "public"],
    ["https://2130706433/", "public"],
    ["https://0x7f.0.0.1/", "public"],
    ["https://0177.0.0.1/", "public"],
    ["https://0/", "public"],
    ["https://[::1]/", "public"],
    ["https://[::ffff:127.0.0.1]/", "public"],
    ["https://[64:ff9b::169.254.169.254]/", "public"],
    ["https://169.254.169.254/latest/meta-data/", "public"],
    ["https://\u2460\u2461\u2466.0.0.1/", "public"],
    ["https://localhost/", "public"],
    ["https://localhost./", "public"],
    ["https://a.localhost/", "public"],
    [`https://example.com/${"x".repeat(2_048)}`, "longer"],
  ];

  test.each(REFUSED_URLS)("%s is refused: %s", (url, why) => {
    const verdict = judgeUrl(url, PUBLIC_ONLY);
    expect(verdict).toMatchObject({ kind: "refused", reason: expect.stringContaining(why) });
  });

  test.each([
    "https://example.com/hook",
    "https://example.com:8443/a?b=c",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]/",
  ])("%s is taken", (url) => {
    expect(judgeUrl(url, PUBLIC_ONLY).kind).toBe("fit");
  });

  test("for development http to this machine is taken, to others not", () => {
    const judge = (url: string) => judgeUrl(url, { allowLoopback: true }).kind;
    expect(["http://127.0.0.1:80/", "http://localhost:3000/", "http://[::1]:3000/"].map(judge)).toEqual([
      "fit",
      "fit",
      "fit",
    ]);
    expect(["http://example.com/", "http://10.0.0.1/", "https://10.0.0.1/"].map(judge)).toEqual(
      Array(3).fill("refused"),
    );
  });
});
