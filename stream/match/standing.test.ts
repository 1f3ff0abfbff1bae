import { expect, test } from "vitest";
import { drawRoads, lineOf, placeOf, way } from "../roads/sample-roads.ts";
import { MatchState } from "./match-state.ts";
import { answerLive, drive, GRID, normalNoise, signedWay, wanderingNoise } from "./sample-drives.ts";
import { Viterbi } from "./viterbi.ts";

test("A parked vehicle stays where it is however the receiver wanders.", async () => {
  const roads = await drawRoads(GRID);
  const noise = wanderingNoise(6, 0.9, 2);
  const arriving = drive(lineOf("0,90 130,90"), 4, 1, noise);
  const last = arriving.at(-1)!;
  const parked = Array.from({ length: 120 }, (_, i) => {
    const [east, north] = noise();
    return {
      ...last,
      timeMs: last.timeMs + (i + 1) * 1000,
      lat: last.lat + north / 111195,
      lon: last.lon + east / 83700,
      speedMps: 0,
      headingDeg: Number.NaN,
    };
  });
  const viterbi = new Viterbi(roads);
  const state = new MatchState();
  for (const fix of arriving) viterbi.step(state, fix, () => {});
  const offsets = parked.map((fix) => {
    const answer = viterbi.step(state, fix, () => {});
    expect(signedWay(roads, answer)).toBe(11);
    return answer.offsetM;
  });
  const spread = Math.max(...offsets.slice(10)) - Math.min(...offsets.slice(10));
  expect(spread).toBeLessThan(8);
});

test("A parked vehicle stays on its way although its receiver wanders further than before and makes up speeds and headings.", async () => {
  const roads = await drawRoads([way(1, "-400,0 0,0 400,0"), way(2, "0,0 0,-200"), way(3, "-400,45 400,45")]);
  const legs = [
    drive(lineOf("-300,0 -80,0"), 8, 1),
    drive(lineOf("-76,0 -60,0"), 4, 1),
    drive(lineOf("-59,0 -57,0"), 1),
  ];
  const arriving = legs.flat().map((fix, i) => ({ ...fix, timeMs: i * 1000 }));
  const wander = wanderingNoise(10, 0.985, 4);
  const normal = normalNoise(5);
  const parked = Array.from({ length: 300 }, (_, i) => {
    const [east, north] = wander();
    const grown = Math.min(1, i / 60);
    const made = { speedMps: Math.abs(normal()) * 0.8, headingDeg: (i * 137) % 360, accuracyM: Number.NaN };
    return { ...placeOf(-57 + grown * east, grown * north), ...made, timeMs: (arriving.length + i) * 1000 };
  });
  const answers = answerLive(roads, [...arriving, ...parked]).slice(arriving.length);
  expect(answers.filter((answer) => answer === 1).length / answers.length).toBeGreaterThan(0.97);
});

test("A vehicle that creeps away without telling a speed worth the name has left the place where it stood.", async () => {
  const roads = await drawRoads([way(1, "-400,0 0,0"), way(2, "0,0 0,-400")]);
  const arriving = drive(lineOf("-200,0 -20,0"), 8);
  const stopped = { ...arriving.at(-1)!, speedMps: 0, headingDeg: Number.NaN };
  const standing = Array.from({ length: 20 }, (_, i) => ({ ...stopped, timeMs: stopped.timeMs + (i + 1) * 1000 }));
  const creeping = drive(lineOf("-20,0 0,0 0,-200"), 1.5).map((fix, i) => ({
    ...fix,
    timeMs: standing.at(-1)!.timeMs + (i + 1) * 1000,
  }));
  const answers = answerLive(roads, [...arriving, ...standing, ...creeping]);
  // 60 m later at the latest.
  expect(answers.slice(-creeping.length).filter((answer) => answer === 2).length).toBeGreaterThan(creeping.length - 45);
});
