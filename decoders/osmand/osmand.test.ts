import { expect, test } from "vitest";
import type { DecodeContext, Report } from "../decoder.ts";
import { frameOf, osmand, positionsFrame } from "./index.ts";

const context: DecodeContext = { transport: "http", deviceUid: null, model: null, receivedAtMs: 1_700_000_100_000 };

function reportsOf(frame: Uint8Array): Report[] {
  const result = osmand.decode(frame, context);
  if (result.kind !== "decoded") throw new Error(result.detail);
  return result.reports;
}

test("a knot is a nautical mile an hour", () => {
  const [report] = reportsOf(frameOf({ method: "GET", path: "/?id=1&lat=1&lon=2&speed=40" }));
  expect(report?.speedMps).toBeCloseTo(20.5778, 4);
});

test("a record that is sent again in another batch has the same bytes", () => {
  const base = { deviceId: "1", latDeg: 1, lonDeg: 2 };
  const [first, second, third] = [0, 1, 2].map((n) => ({ ...base, timeMs: 1_700_000_000_000 + n * 1000 }));
  const one = positionsFrame([first!, second!]);
  const two = positionsFrame([second!, third!]);
  const bytesOf = (frame: Uint8Array, index: number): string => {
    const report = reportsOf(frame)[index]!;
    return Buffer.from(frame.subarray(report.bytesStart, report.bytesEnd)).toString();
  };
  expect(bytesOf(one, 1)).toBe(bytesOf(two, 0));
  expect(JSON.parse(bytesOf(one, 1))).toMatchObject({ timestamp: new Date(second!.timeMs).toISOString() });
  expect(bytesOf(one, 0)).not.toBe(bytesOf(one, 1));
});

test("braces, brackets and quotes inside text do not confuse where a record of a batch ends", () => {
  const body = Buffer.from(
    `{"device_id":"1","x":"\\"location\\":[", "location" : [ {"timestamp":1,"extras":{"t":"]}\\\\\\"{,"}} , {"timestamp":2} ] }`,
  );
  const frame = frameOf({ method: "POST", path: "/", contentType: "application/json", body });
  const texts = reportsOf(frame).map(({ bytesStart, bytesEnd }) =>
    Buffer.from(frame.subarray(bytesStart, bytesEnd)).toString(),
  );
  expect(texts.map((text) => (JSON.parse(text) as { timestamp: number }).timestamp)).toEqual([1, 2]);
});

test("a parameter can't reach the prototype of the attributes", () => {
  const [report] = reportsOf(frameOf({ method: "GET", path: "/?id=1&__proto__=x&constructor=y" }));
  expect(report?.attributes).toMatchObject({ "osmand.__proto__": "x", "osmand.constructor": "y" });
});

test("numbers that no coordinate can be give no position", () => {
  for (const query of ["lat=NaN&lon=1", "lat=1e999&lon=1", "lat=91&lon=1", "lat=1", "lat=&lon="]) {
    const [report] = reportsOf(frameOf({ method: "GET", path: `/?id=1&${query}` }));
    expect(report, query).toMatchObject({ valid: false, latDeg: null, lonDeg: null });
  }
});

test("a request that was written down is read in each of its forms", () => {
  const lines = [
    `{"http":{"method":"GET","path":"/?id=1&lat=1&lon=2"}}`,
    `{"method":"GET","url":"http://gateway:5055/?id=1&lat=1&lon=2"}`,
    `{"method":"POST","path":"/","headers":{"Content-Type":"application/x-www-form-urlencoded"},"body":"id=1&lat=1&lon=2"}`,
    `{"method":"POST","headers":{"content-type":"application/json"},"body":"{\\"device_id\\":1,\\"location\\":{\\"coords\\":{\\"latitude\\":1,\\"longitude\\":2}}}"}`,
    `{"device_id":"1","location":{"coords":{"latitude":1,"longitude":2}}}`,
    "/?id=1&lat=1&lon=2",
    "GET /?id=1&lat=1&lon=2 HTTP/1.1",
  ];
  for (const line of lines) {
    const framed = osmand.frameOfLine?.(line);
    expect(framed?.transport, line).toBe("http");
    expect(reportsOf(framed!.frame), line).toMatchObject([{ kind: "fix", latDeg: 1, lonDeg: 2 }]);
  }
  expect(osmand.frameOfLine?.("7878")).toBeUndefined();
  expect(osmand.frameOfLine?.("{not json")).toBeUndefined();
});
