import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { buildRoads } from "#stream/roads/build.ts";
import { openRoads } from "#stream/roads/open.ts";
import { Router } from "#stream/roads/router.ts";
import { ACCESS, ROAD_CLASSES } from "#stream/roads/way-tags.ts";
import { writeCountry } from "./country.ts";
import { OsmPbfWriter } from "./osm-pbf-writer.ts";

const folder = mkdtempSync(join(tmpdir(), "country-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("A made-up country builds whole, with turns forbidden, and cars drive from any of its towns to any other.", async () => {
  const [extract, file] = [join(folder, "country.osm.pbf"), join(folder, "country.roads")];
  writeCountry(extract, { townsAcross: 3, townsDown: 5 });
  const report = await buildRoads(extract, file);
  expect(report.skipped).toEqual({});
  expect(report.forbiddenTurns).toBeGreaterThan(0);
  expect(report.edges / report.vertices).toBeGreaterThan(1.2);
  expect(report.shapePoints / report.edges).toBeGreaterThan(3.5);
  const roads = openRoads(file);
  const router = new Router(roads);
  const secondary = ROAD_CLASSES.indexOf("secondary");
  const main = Array.from(roads.edgeClass.keys()).filter(
    (edge) => roads.edgeClass[edge] === secondary && (roads.edgeAccess[edge]! & ACCESS.carForward) !== 0,
  );
  for (let i = 0; i < 40; i++) {
    const [from, to] = [main[(i * 7) % main.length]!, main[(i * 31 + 11) % main.length]!];
    const route = router.findRoute({ directed: from * 2, offsetM: 0 }, { directed: to * 2, offsetM: 0 });
    expect(route?.timeS, `from edge ${from} to ${to}`).toBeGreaterThanOrEqual(0);
  }
});

test("Of restrictions over ways in an extract the report says how many are obeyed, and why the others are not.", async () => {
  const [extract, file] = [join(folder, "links.osm.pbf"), join(folder, "links.roads")];
  const writer = new OsmPbfWriter(extract);
  for (let node = 1; node <= 4; node++)
    writer.addNode(node, 411_500_000 + (node & 1) * 9_000, -86_100_000 + node * 9_000);
  writer.flush();
  for (let id = 1; id <= 3; id++) writer.addWay({ id, refs: [id, id + 1], tags: { highway: "residential" } });
  writer.flush();
  const restrict = (id: number, [from, to]: readonly [number, number], ...vias: number[]): void =>
    writer.addRelation({
      id,
      tags: { type: "restriction", restriction: "no_straight_on" },
      members: [
        { type: "way", ref: from, role: "from" },
        ...vias.map((ref) => ({ type: "way" as const, ref, role: "via" })),
        { type: "way", ref: to, role: "to" },
      ],
    });
  restrict(1, [1, 3], 2);
  restrict(2, [3, 1], 2);
  restrict(3, [1, 2], 3);
  restrict(4, [1, 3], 2, 9);
  writer.flush();
  const report = await buildRoads(extract, file);
  expect(report).toMatchObject({ edges: 3, viaWayRestrictions: 2, forbiddenTurns: 2 });
  expect(report.skipped).toEqual({ restrictionViaWaysUnclear: 1, restrictionIncomplete: 1 });
});
