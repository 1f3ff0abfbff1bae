import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { buildRoads } from "./build.ts";
import { openRoads } from "./open.ts";
import { replaceFile } from "./replace-file.ts";

const folder = mkdtempSync(join(tmpdir(), "replace-"));
const path = join(folder, "file");
beforeEach(() => {
  writeFileSync(path, "before");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("What was there before is read until the file is whole.", async () => {
  const seen: string[] = [];
  const size = await replaceFile(path, async (file) => {
    await file.write("aft");
    seen.push(readFileSync(path, "utf8"));
    await file.write("er");
    seen.push(readFileSync(path, "utf8"));
    return 5;
  });
  expect([size, ...seen, readFileSync(path, "utf8")]).toEqual([5, "before", "before", "after"]);
  expect(readdirSync(folder)).toEqual(["file"]);
});

test("When writing fails nothing has changed, and nothing half written is left.", async () => {
  const failed = replaceFile(path, async (file) => {
    await file.write("aft");
    throw new Error("the disk is full");
  });
  await expect(failed).rejects.toThrow("the disk is full");
  expect([readFileSync(path, "utf8"), readdirSync(folder)]).toEqual(["before", ["file"]]);
});

test("A link stays a link: what it leads to is replaced.", async () => {
  const link = join(folder, "link");
  symlinkSync(path, link);
  await replaceFile(link, (file) => file.write("after"));
  expect(readFileSync(path, "utf8")).toBe("after");
  rmSync(link);
  expect(existsSync(path)).toBe(true);
});

test("Where no file can be made the reason is thrown before anything is written.", async () => {
  let isAsked = false;
  const write = async (): Promise<void> => {
    isAsked = true;
  };
  await expect(replaceFile(join(folder, "absent", "file"), write)).rejects.toThrow(/ENOENT/);
  await expect(replaceFile(folder, write)).rejects.toThrow(/EISDIR/);
  expect(isAsked).toBe(false);
});

test("A road network stays as it was when it cannot be built again, and a new one does not change it while it is open.", async () => {
  const [source, target] = [join(folder, "town.geojson"), join(folder, "town.roads")];
  const write = (lon: number): void => {
    const geometry = {
      type: "LineString",
      coordinates: [
        [lon, 41],
        [lon, 41.01],
      ],
    };
    writeFileSync(source, JSON.stringify({ features: [{ properties: { highway: "primary" }, geometry }] }));
  };
  write(-8);
  await buildRoads(source, target);
  const first = openRoads(target);
  writeFileSync(source, "{");
  await expect(buildRoads(source, target)).rejects.toThrow(/not JSON/);
  expect(openRoads(target).fingerprint).toBe(first.fingerprint);
  write(-7);
  await buildRoads(source, target);
  expect(openRoads(target).fingerprint).not.toBe(first.fingerprint);
  expect(first.vertexLonE7[0]).toBe(-80_000_000);
  expect(
    readdirSync(folder)
      .filter((name) => name.startsWith("town"))
      .sort(),
  ).toEqual(["town.geojson", "town.roads"]);
});
