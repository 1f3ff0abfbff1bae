import { expect, test } from "vitest";
import { Router } from "./router.ts";
import { drawRoads } from "./sample-roads.ts";

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
  const route = router.findRoute({ directed: 0, offsetM: 500 }, { directed: 6, offsetM: 800 })!;
  expect(route.edges).toEqual([0, 6]);
  expect(route.lengthM).toBeCloseTo(1300, 0);
  expect(router.findRoute({ directed: 4, offsetM: 10 }, { directed: 4, offsetM: 110 })!.lengthM).toBeCloseTo(100, 5);
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
  expect(router.findRoute({ directed: 5, offsetM: 0 }, { directed: 1, offsetM: 900 })!.edges).toEqual([5, 3, 1]);
  expect(router.findRoute({ directed: 0, offsetM: 0 }, { directed: 8, offsetM: 10 })).toBeUndefined();
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
  const free = new Router(await drawRoads(ways));
  const banned = new Router(await drawRoads(ways, [{ from: 1, via: [0, 0], to: 2, restriction: "no_left_turn" }]));
  const [from, to] = [
    { directed: 0, offsetM: 0 },
    { directed: 2, offsetM: 250 },
  ];
  expect(free.findRoute(from, to)!.edges).toEqual([0, 2]);
  expect(banned.findRoute(from, to)!.edges).not.toEqual([0, 2]);
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
