import { expect, test } from "vitest";
import { driveTimeS, exitVertex, turnTimeS } from "./drive-times.ts";
import type { RoadNetwork } from "./network-file.ts";
import { type RoadPlace, Router } from "./router.ts";
import { alongWay, drawRoads } from "./sample-roads.ts";
import { isBanned } from "./turn-restrictions.ts";

const SQUARE = [
  {
    id: 1,
    line: [
      [0, 0],
      [1000, 0],
    ],
  },
  {
    id: 2,
    line: [
      [1000, 0],
      [1000, 600],
    ],
  },
  {
    id: 3,
    line: [
      [1000, 600],
      [2000, 600],
    ],
  },
  {
    id: 4,
    line: [
      [1000, 0],
      [1500, -400],
      [2000, 600],
    ],
    tags: { highway: "motorway", oneway: "yes" },
  },
] as const;

test("The fastest way is found, with its length and time, and an earlier place on the same edge needs a round.", async () => {
  const roads = await drawRoads(SQUARE);
  const router = new Router(roads);
  const [first, third, motorway] = [1, 3, 4].map((id) => alongWay(roads, id)) as [number, number, number];
  const route = router.findRoute({ directed: first, offsetM: 500 }, { directed: motorway, offsetM: 800 })!;
  expect(route.edges).toEqual([first, motorway]);
  expect(route.lengthM).toBeCloseTo(1300, 0);
  expect(router.findRoute({ directed: third, offsetM: 10 }, { directed: third, offsetM: 110 })!.lengthM).toBeCloseTo(
    100,
    5,
  );
});

test("A one-way road is not taken backwards, and where there is no way there is no route.", async () => {
  const roads = await drawRoads([
    ...SQUARE,
    {
      id: 9,
      line: [
        [5000, 5000],
        [5100, 5000],
      ],
    },
  ]);
  const router = new Router(roads);
  const [first, second, third, apart] = [1, 2, 3, 9].map((id) => alongWay(roads, id)) as [
    number,
    number,
    number,
    number,
  ];
  const back = [third + 1, second + 1, first + 1];
  expect(router.findRoute({ directed: third + 1, offsetM: 0 }, { directed: first + 1, offsetM: 900 })!.edges).toEqual(
    back,
  );
  expect(router.findRoute({ directed: first, offsetM: 0 }, { directed: apart, offsetM: 10 })).toBeUndefined();
});

test("A forbidden turn is driven around.", async () => {
  const ways = [
    {
      id: 1,
      line: [
        [-300, 0],
        [0, 0],
      ],
    },
    {
      id: 2,
      line: [
        [0, 0],
        [0, 300],
      ],
    },
    {
      id: 3,
      line: [
        [0, 0],
        [200, 0],
      ],
    },
    {
      id: 4,
      line: [
        [200, 0],
        [200, 300],
        [0, 300],
      ],
    },
  ] as const;
  const [free, banned] = [
    await drawRoads(ways),
    await drawRoads(ways, [{ from: 1, via: [0, 0], to: 2, restriction: "no_left_turn" }]),
  ];
  const [from, to] = [alongWay(free, 1), alongWay(free, 2)];
  const edgesOn = (roads: RoadNetwork): number[] =>
    new Router(roads).findRoute({ directed: from, offsetM: 0 }, { directed: to, offsetM: 250 })!.edges;
  expect(edgesOn(free)).toEqual([from, to]);
  expect(edgesOn(banned)).not.toEqual([from, to]);
});

test("Times to many places equal the routes one by one.", async () => {
  const size = 12;
  const lines = Array.from({ length: size }, (_, i) => [
    { id: 100 + i, line: Array.from({ length: size }, (_, k) => [k * 120, i * 120] as const) },
    {
      id: 200 + i,
      line: Array.from({ length: size }, (_, k) => [i * 120, k * 120] as const),
      tags: { maxspeed: String(20 + ((i * 7) % 60)) },
    },
  ]).flat();
  const roads = await drawRoads(lines);
  const router = new Router(roads);
  const places = Array.from({ length: 40 }, (_, i) => ({
    directed: (i * 37) % (roads.edgeFrom.length * 2),
    offsetM: 10 + i,
  }));
  const times = router.findTimes(places[0]!, places);
  places.forEach((place, i) => {
    expect(times[i]).toBeCloseTo(router.findRoute(places[0]!, place)!.timeS, 4);
  });
});

/** Times from one place to every directed edge's start by plain relaxation, the definition of what the router finds. */
function relax(roads: RoadNetwork, from: RoadPlace): Float64Array {
  const times = new Float64Array(roads.edgeFrom.length * 2).fill(Number.POSITIVE_INFINITY);
  const remainingS = driveTimeS(roads, from.directed) * (1 - from.offsetM / roads.edgeLengthM[from.directed >> 1]!);
  const queue: number[] = [];
  const offer = (at: number, next: number, timeS: number): void => {
    if (isBanned(roads, at, next) || driveTimeS(roads, next) === Number.POSITIVE_INFINITY || timeS >= times[next]!)
      return;
    times[next] = timeS;
    queue.push(next);
  };
  const exits = (directed: number): number[] => {
    const vertex = exitVertex(roads, directed);
    return Array.from(roads.outEdge.subarray(roads.outStart[vertex]!, roads.outStart[vertex + 1]!));
  };
  for (const next of exits(from.directed))
    offer(from.directed, next, remainingS + turnTimeS(roads, from.directed, next));
  for (let at = queue.shift(); at !== undefined; at = queue.shift())
    for (const next of exits(at)) offer(at, next, times[at]! + driveTimeS(roads, at));
  return times;
}

test("Routes are the fastest there are, in a network with one-way streets and forbidden turns.", async () => {
  const size = 9;
  const ways = Array.from({ length: size }, (_, i) => [
    {
      id: 100 + i,
      line: Array.from({ length: size }, (_, k) => [k * 110, i * 130] as const),
      tags: { maxspeed: String(20 + ((i * 13) % 70)), ...(i % 3 === 0 ? { oneway: "yes" } : {}) },
    },
    {
      id: 200 + i,
      line: Array.from({ length: size }, (_, k) => [i * 110, k * 130] as const),
      tags: { maxspeed: String(30 + ((i * 17) % 50)), ...(i % 4 === 1 ? { oneway: "-1" } : {}) },
    },
  ]).flat();
  const bans = Array.from({ length: 25 }, (_, i) => {
    const [column, row] = [(i * 5) % size, (i * 7) % size];
    return {
      from: 100 + row,
      via: [column * 110, row * 130] as const,
      to: 200 + column,
      restriction: i % 2 ? "no_left_turn" : "no_right_turn",
    };
  });
  const roads = await drawRoads(ways, bans);
  expect(roads.banFrom.length).toBeGreaterThan(20);
  const router = new Router(roads);
  for (let k = 0; k < 12; k++) {
    const from = { directed: (k * 53) % (roads.edgeFrom.length * 2), offsetM: 20 };
    if (driveTimeS(roads, from.directed) === Number.POSITIVE_INFINITY) continue;
    const times = relax(roads, from);
    for (let directed = 0; directed < times.length; directed++) {
      if (directed === from.directed) continue;
      const route = router.findRoute(from, { directed, offsetM: 0 });
      expect(route?.timeS ?? Number.POSITIVE_INFINITY, `${from.directed} to ${directed}`).toBeCloseTo(
        times[directed]!,
        3,
      );
      const turns = (route?.edges ?? []).slice(1).map((edge, i) => [route!.edges[i]!, edge] as const);
      for (const [before, after] of turns) {
        expect(exitVertex(roads, before)).toBe(exitVertex(roads, after ^ 1));
        expect(isBanned(roads, before, after)).toBe(false);
      }
    }
  }
});
