import { expect, test } from "vitest";
import { afterCrossing, type Crossing, type CrossingEvent, staysOf } from "./crossings.ts";

function crossing(eventId: string, type: "entered" | "exited", atMs: number): CrossingEvent {
  return { eventId, deviceId: 7, type, atMs, supersedes: null, withdrawn: false };
}

const spans = (crossings: readonly Crossing[]): (string | undefined)[][] =>
  staysOf(crossings, 7).map(({ entered, exited }) => [entered?.eventId, exited?.eventId]);

test("An earlier stay that late data tell of, entry before exit, leaves the later one as it is.", () => {
  const known = [crossing("in", "entered", 200), crossing("out", "exited", 300)].reduce<readonly Crossing[]>(
    afterCrossing,
    [],
  );
  const begun = afterCrossing(known, crossing("early in", "entered", 10));
  expect(spans(begun)).toEqual([["in", "out"]]);
  const ended = afterCrossing(begun, crossing("early out", "exited", 20));
  expect(spans(ended)).toEqual([
    ["early in", "early out"],
    ["in", "out"],
  ]);
});
