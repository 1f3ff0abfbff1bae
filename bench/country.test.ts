import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { buildRoads } from "#stream/roads/build.ts";
import { openRoads } from "#stream/roads/open.ts";
import { Router } from "#stream/roads/router.ts";
import { ACCESS, ROAD_CLASSES } from "#stream/roads/way-tags.ts";
import { writeCountry } from "./country.ts";

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
