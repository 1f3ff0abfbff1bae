import polyline from "@mapbox/polyline";
import { expect, test } from "vitest";
import { type PathPiece, revisedPath } from "./revised-path.ts";

/** A piece driven north along a meridian, a minute per 0.01°; `revised`: the minutes that it belongs to. */
function piece(frameSeq: number, fromMin: number, toMin: number, lon: number, revised?: [number, number]): PathPiece {
  const [a, b] = [57 + fromMin / 100, 57 + toMin / 100];
  return {
    ...{ frameSeq, enteredMs: fromMin * 60_000, leftMs: toMin * 60_000, lengthM: (toMin - fromMin) * 1112 },
    line: polyline.encode(
      [
        [a, lon],
        [(a + b) / 2, lon],
        [b, lon],
      ],
      6,
    ),
    revisedFromMs: revised === undefined ? null : revised[0] * 60_000,
    revisedToMs: revised === undefined ? null : revised[1] * 60_000,
  };
}

/** Minutes, and the first and last latitude, of what is told. */
const told = (pieces: readonly PathPiece[]) =>
  revisedPath(pieces).map(({ frameSeq, enteredMs, leftMs, line }) => {
    const places = polyline.decode(line, 6);
    return [frameSeq, enteredMs / 60_000, leftMs / 60_000, places[0]![0], places.at(-1)![0]];
  });

test("Without late fixes the path is what was said.", () => {
  const pieces = [piece(1, 0, 4, 12), piece(2, 4, 9, 12)];
  expect(revisedPath(pieces)).toEqual(pieces);
});

test("What late fixes told counts within its time, and what was said live is cut to what lies outside of it.", () => {
  const pieces = [piece(1, 0, 10, 12), piece(7, 4, 6, 12.1, [3, 6])];
  expect(told(pieces)).toEqual([
    [1, 0, 3, 57, 57.03],
    [7, 4, 6, 57.04, 57.06],
    [1, 6, 10, 57.06, 57.1],
  ]);
  expect(revisedPath(pieces)[0]!.lengthM).toBeCloseTo(3 * 1112, 5);
});

test("What is decided live after a revision gives way to it too; of two revisions the later one counts.", () => {
  const pieces = [piece(5, 2, 8, 12.1, [2, 8]), piece(7, 4, 5, 12.2, [4, 5]), piece(9, 0, 10, 12)];
  expect(told(pieces).map(([frameSeq, from, to]) => [frameSeq, from, to])).toEqual([
    [9, 0, 2],
    [5, 2, 4],
    [7, 4, 5],
    [5, 5, 8],
    [9, 8, 10],
  ]);
});

test("One frame may revise two times that overlap: nothing is told twice.", () => {
  const pieces = [piece(1, 0, 10, 12), piece(7, 1, 5, 12.1, [1, 5]), piece(7, 4, 8, 12.2, [4, 8])];
  expect(told(pieces).map(([frameSeq, from, to]) => [frameSeq, from, to])).toEqual([
    [1, 0, 1],
    [7, 1, 4],
    [7, 4, 8],
    [1, 8, 10],
  ]);
});

test("A piece that took no time is within a revision or not, and none is left twice.", () => {
  const pieces = [piece(1, 3, 3, 12), piece(1, 4, 4, 12), piece(7, 3, 4, 12.1, [3, 4])];
  expect(told(pieces).map(([frameSeq, from, to]) => [frameSeq, from, to])).toEqual([
    [7, 3, 4],
    [1, 4, 4],
  ]);
});
