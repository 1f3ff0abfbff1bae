import fc from "fast-check";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import type { StoredFix } from "#store/fixes.ts";
import { fixLine, metricLines } from "./line-protocol.ts";
import { parseLine } from "./parse-line.ts";

const FIX: StoredFix = {
  fixId: "2050",
  deviceUid: "352093081234567",
  fleetId: 4,
  protocol: "queclink",
  kind: "fix",
  fixTime: new Date(Date.UTC(2026, 10, 1)),
  receivedAt: new Date(Date.UTC(2026, 10, 1) + 2_500),
  storedAt: new Date(Date.UTC(2026, 10, 2)),
  valid: true,
  late: true,
  buffered: false,
  clockFault: null,
  deviceTime: null,
  latDeg: -33.1,
  lonDeg: 151.2,
  altitudeM: -4.5,
  speedMps: 13.9,
  headingDeg: 271,
  satellites: 9,
  hdop: null,
  accuracyM: 4,
  event: "ignition.on",
  attributes: {},
  smoothed: { latDeg: -33.2, lonDeg: 151.3, speedMps: 13.5, headingDeg: null, sigmaM: 2.5 },
  matched: { latDeg: -33.3, lonDeg: 151.4, wayId: 17, forward: true, confidence: 0.75 },
};

test("a fix goes out with its own fields and the attributes as numbers, booleans and text", () => {
  const attributes = {
    ignition: true,
    "battery.voltage": 4.1,
    "io.999": 3,
    driver: 'a "b", \\c',
    none: null,
    list: [1],
  };
  expect(parseLine(fixLine({ ...FIX, attributes }).full)).toEqual({
    measurement: "fix",
    tags: { device: "352093081234567", protocol: "queclink", fleet: "4" },
    fields: {
      ...{
        id: "2050",
        kind: "fix",
        valid: true,
        late: true,
        buffered: false,
        event: "ignition.on",
        receiveDelayS: 2.5,
      },
      ...{ lat: -33.1, lon: 151.2, altitudeM: -4.5, speedMps: 13.9, headingDeg: 271, satellites: 9, accuracyM: 4 },
      ...{ "smoothed.lat": -33.2, "smoothed.lon": 151.3, "smoothed.speedMps": 13.5, "smoothed.sigmaM": 2.5 },
      ...{ "matched.lat": -33.3, "matched.lon": 151.4, "matched.wayId": 17, "matched.forward": true },
      "matched.confidence": 0.75,
      ...{ ignition: true, "battery.voltage": 4.1, "io.999": 3, driver: 'a "b", \\c', list: "[1]" },
    },
    timeNs: `${Date.UTC(2026, 10, 1)}002050`,
  });
});

test("an attribute cannot take the name of a field of ours, and the bare line has none", () => {
  const line = fixLine({ ...FIX, attributes: { lat: 1, time: 2, _x: 3, ignition: true } });
  const { fields } = parseLine(line.full);
  expect(fields).toMatchObject({ lat: -33.1, "attributes.lat": 1, "attributes.time": 2, "attributes._x": 3 });
  expect(Object.keys(parseLine(line.bare()).fields)).not.toContain("ignition");
});

test("two fixes of one device in one millisecond are two points, the same fix twice is one", () => {
  const key = (fix: StoredFix) => parseLine(fixLine(fix).full).timeNs;
  expect(key(FIX)).not.toBe(key({ ...FIX, fixId: "2051" }));
  expect(key(FIX)).toBe(key({ ...FIX, attributes: { ignition: true } }));
});

test("whatever a device names and says stays one sound line with the same values", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const attributes = fc.dictionary(fc.string({ unit: "binary" }), value);
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), attributes, (deviceUid, given) => {
      const { full } = fixLine({ ...FIX, deviceUid, attributes: given });
      expect(full).not.toMatch(/[\r\n]/);
      const { fields, tags } = parseLine(full);
      expect(tags.protocol).toBe("queclink");
      expect(fields).toMatchObject({ id: "2050", lat: -33.1 });
      const texts = Object.values(given).filter((item) => typeof item === "string");
      for (const text of texts.filter((item) => !/[\r\n]/.test(item))) {
        if (given[""] !== text) expect(Object.values(fields)).toContain(text.toWellFormed());
      }
    }),
  );
});

test("a registry's values become one point for each set of labels", async () => {
  const registry = new Registry();
  new Gauge({ name: "gateway_sessions", help: "s", labelNames: ["protocol"], registers: [registry] }).set(
    { protocol: "gt06" },
    3,
  );
  new Counter({ name: "gateway_acks_total", help: "a", labelNames: ["protocol"], registers: [registry] }).inc(
    { protocol: "gt06" },
    7,
  );
  new Histogram({ name: "wait", help: "w", buckets: [1], registers: [registry] }).observe(0.5);
  const points = metricLines(await registry.getMetricsAsJSON(), { role: "gateway" }, 1_000).map(parseLine);
  const common = { measurement: "gateway", timeNs: "1000000000" };
  expect(points).toContainEqual({
    ...common,
    tags: { protocol: "gt06", role: "gateway" },
    fields: { gateway_sessions: 3, gateway_acks_total: 7 },
  });
  expect(points).toContainEqual({ ...common, tags: { role: "gateway" }, fields: { wait_sum: 0.5, wait_count: 1 } });
  expect(points).toContainEqual({ ...common, tags: { le: "1", role: "gateway" }, fields: { wait_bucket: 1 } });
});
