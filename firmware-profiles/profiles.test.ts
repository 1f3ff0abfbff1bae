import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { attributeTable } from "./attribute-table.ts";
import { openProfiles, profileFor } from "./index.ts";
import { loadProfiles } from "./load.ts";
import { buildProfiles } from "./teltonika/build-profiles.ts";

const FOLDER = import.meta.dirname;
const TABLE = join(FOLDER, "../../shared/protocols/teltonika-avl-ids.csv");

const scratch = mkdtempSync(join(tmpdir(), "profiles-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const good = {
  protocol: "pigeon",
  family: "generic",
  title: "Pigeons",
  models: [],
  source: "nobody",
  elements: [{ id: 1, name: "wing.1", kind: "number" }],
};

function loadOnly(name: string, ...files: string[]) {
  const folder = join(scratch, name);
  mkdirSync(join(folder, "pigeon"), { recursive: true });
  files.forEach((text, index) => {
    writeFileSync(join(folder, "pigeon", `p${index}.json`), text);
  });
  return loadProfiles(folder);
}

test("every profile of the project is valid", () => {
  expect(openProfiles().all.length).toBeGreaterThanOrEqual(8);
});

test("all errors are reported together, each with its file and the path inside it", () => {
  const elements = [
    { id: 1, name: "Wing", kind: "number" },
    { id: 2, name: "beak", kind: "number", scale: 0 },
    { id: 3, name: "tail", kind: "enum" },
  ];
  const result = loadOnly("wrong", JSON.stringify({ ...good, elements }), "{", JSON.stringify({ ...good, title: 1 }));
  expect(result.kind).toBe("invalid");
  if (result.kind !== "invalid") return;
  const paths = result.errors.map((error) => error.replace(/: .*/, ""));
  expect(paths).toContain("pigeon/p0.json#/elements/0/name");
  expect(paths).toContain("pigeon/p0.json#/elements/1/scale");
  expect(paths).toContain("pigeon/p0.json#/elements/2");
  expect(paths).toContain("pigeon/p1.json#/");
  expect(paths).toContain("pigeon/p2.json#/title");
});

test("an id or a name that stands twice in one family is an error", () => {
  const elements = [
    { id: 1, name: "wing.1", kind: "number" },
    { id: 1, name: "wing.2", kind: "number" },
    { id: 2, name: "wing.2", kind: "number" },
  ];
  expect(loadOnly("twice", JSON.stringify({ ...good, family: "carrier", models: ["P.*"], elements }))).toEqual({
    kind: "invalid",
    errors: [
      "pigeon/p0.json#/elements/1/id: 1 is there twice",
      "pigeon/p0.json#/elements/2/name: wing.2 is also the name of id 1",
    ],
  });
});

test("a folder without profiles is an error, not an empty vocabulary", () => {
  expect(loadOnly("none").kind).toBe("invalid");
});

test.each([
  ["FMB120", "fmb"],
  ["fmc130 ", "fmb"],
  ["FMB010", "fmb"],
  ["FMB920", "fmb"],
  ["FMB003", "obd"],
  ["FMC003", "obd"],
  ["FMB640", "professional"],
  ["FMC650", "professional"],
  ["FMB630", "professional"],
  ["TAT141", "personal"],
  ["TMT250", "personal"],
  ["GH3000", "gh3000"],
  ["FMC880", "f88"],
  ["FTC924", "generic"],
  ["", "generic"],
  [null, "generic"],
])("the Teltonika model %s has the profile %s", (model, family) => {
  expect(profileFor("teltonika", model).family).toBe(family);
  const matching = (openProfiles().models.get("teltonika") ?? []).filter(({ pattern }) =>
    pattern.test(model?.trim().toUpperCase() ?? ""),
  );
  expect(matching.length).toBe(family === "generic" ? 0 : 1);
});

test("a protocol without profiles has an empty one", () => {
  expect(profileFor("pigeon", "FMB120").elements.size).toBe(0);
});

test("the generic profile names only what no family reads differently", () => {
  const families = openProfiles().all.filter(({ protocol, family }) => protocol === "teltonika" && family !== "gh3000");
  const generic = profileFor("teltonika", null);
  for (const [id, { name, factor, divisor, unit, signed }] of generic.elements) {
    for (const family of families) {
      const other = family.elements.get(id);
      if (!other) continue;
      expect([id, other.name, other.factor, other.divisor]).toEqual([id, name, factor, divisor]);
      expect([id, other.unit, other.signed]).toEqual([id, unit, signed]);
    }
  }
  expect(generic.elements.get(239)?.name).toBe("ignition");
  expect(generic.elements.get(36), "engine speed on one family, mileage on another").toBeUndefined();
  expect(generic.elements.get(72)?.width, "4 bytes on one family, 2 on another").toBeNull();
});

test("ATTRIBUTES.md is what the profiles say now", () => {
  expect(readFileSync(join(FOLDER, "ATTRIBUTES.md"), "utf8")).toBe(attributeTable());
});

test.skipIf(!existsSync(TABLE))("the committed Teltonika profiles are what the script makes of the table", () => {
  for (const [name, text] of buildProfiles(readFileSync(TABLE, "utf8"))) {
    expect(readFileSync(join(FOLDER, "teltonika", name), "utf8") === text, name).toBe(true);
  }
});
