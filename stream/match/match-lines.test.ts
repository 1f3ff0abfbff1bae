import { expect, test } from "vitest";
import { drawRoads, lineOf, way } from "../roads/sample-roads.ts";
import type { MatchFix } from "./match-fix.ts";
import { matchLines } from "./match-lines.ts";
import { drive } from "./sample-drives.ts";

const TOWN = [way(1, "-400,0 0,0"), way(2, "0,0 400,0")] as const;

function toLine(trace: string, fix: MatchFix): string {
  return JSON.stringify({
    trace,
    lat: fix.lat,
    lon: fix.lon,
    timeMs: fix.timeMs,
    speedMps: fix.speedMps,
    headingDeg: fix.headingDeg,
  });
}

async function run(online: boolean, input: readonly string[]): Promise<Record<string, unknown>[]> {
  const roads = await drawRoads(TOWN);
  const written: Record<string, unknown>[] = [];
  async function* lines(): AsyncIterable<string> {
    yield* input;
  }
  await matchLines({
    roads,
    online,
    lines: lines(),
    write: (line) => written.push(JSON.parse(line) as Record<string, unknown>),
  });
  return written;
}

const FIXES = drive(lineOf("-200,2 200,2"), 10, 2);

test.each([true, false])("Each point has one answer and each trace one path (online: %s).", async (online) => {
  const input = ["a", 'b"quoted'].flatMap((trace) => FIXES.map((fix) => toLine(trace, fix)));
  const written = await run(online, input);
  expect(written).toHaveLength(input.length + 2);
  const points = written.filter((line) => "timeMs" in line);
  expect(points.map((line) => line.trace)).toEqual(["a", 'b"quoted'].flatMap((trace) => FIXES.map(() => trace)));
  for (const point of points)
    expect(Object.keys(point)).toEqual(["trace", "timeMs", "lat", "lon", "wayId", "forward", "confidence", "offRoad"]);
  expect(points[2]).toMatchObject({ wayId: 1, forward: true, offRoad: false });
  const paths = written.filter((line) => "path" in line);
  for (const line of paths) {
    const path = line.path as { wayId: number; forward: boolean; lengthM: number }[];
    expect(path.map((way) => way.wayId)).toEqual([1, 2]);
    expect(path[0]!.lengthM).toBeCloseTo(200, -1);
    expect((line.geometry as number[][])[0]).toHaveLength(2);
  }
});

test("Bad lines become numbered errors and stop nothing.", async () => {
  const good = FIXES.map((fix) => toLine("t", fix));
  const written = await run(true, [
    "not json",
    "[1]",
    "null",
    '{"trace":{},"lat":1,"lon":1,"timeMs":1}',
    '{"trace":1e999,"lat":1,"lon":1,"timeMs":1}',
    '{"trace":"t","lat":91,"lon":1,"timeMs":1}',
    '{"trace":"t","lat":"41","lon":1,"timeMs":1}',
    '{"trace":"t","lat":41,"lon":-8,"timeMs":"now"}',
    `{"trace":"${"x".repeat(20_000)}"}`,
    "",
    ...good.slice(0, 5),
    good[1]!,
    ...good.slice(5),
  ]);
  const errors = written
    .filter((line) => "error" in line)
    .map((line) => [line.line, (line.error as { code: string }).code]);
  expect(errors).toEqual([
    [1, "notJson"],
    [2, "notAnObject"],
    [3, "notAnObject"],
    [4, "badTrace"],
    [5, "badTrace"],
    [6, "badPosition"],
    [7, "badPosition"],
    [8, "badTime"],
    [9, "tooLong"],
    [16, "notInOrder"],
  ]);
  expect(written.filter((line) => "timeMs" in line)).toHaveLength(good.length);
});

test("A point that no road explains has a null way and keeps its place.", async () => {
  const [far] = drive(lineOf("9000,9000 9001,9000"), 5);
  for (const online of [true, false])
    expect((await run(online, [toLine("t", far!)]))[0]).toMatchObject({
      wayId: null,
      forward: null,
      offRoad: true,
      lat: far!.lat,
    });
});

test("Values out of range for speed, heading and accuracy are ignored, not errors.", async () => {
  const line = JSON.stringify({
    trace: 7,
    lat: 41.15,
    lon: -8.611,
    timeMs: 5,
    speedMps: -1,
    headingDeg: 400,
    accuracyM: 0,
  });
  expect((await run(true, [line]))[0]).toMatchObject({ trace: 7, timeMs: 5 });
});
