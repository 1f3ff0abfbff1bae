import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { deviceTypeOf, kindOf, layoutsOf } from "./index.ts";

const folder = join(import.meta.dirname, "layouts");
const read = (...path: string[]): object =>
  JSON.parse(readFileSync(join(import.meta.dirname, ...path), "utf8")) as object;

describe.each(readdirSync(folder))("the layout file %s", (name) => {
  const validate = new Ajv({ allErrors: true, strictTypes: false }).compile(
    read("schemas", name.replace(".json", ".schema.json")),
  );

  test("keeps to its schema", () => {
    expect(validate(read("layouts", name)) ? [] : validate.errors).toEqual([]);
  });

  test("would not keep to it with a word of nobody's", () => {
    expect(validate({ ...read("layouts", name), colour: "green" })).toBe(false);
  });
});

test("the longest known device type of a protocol version wins", () => {
  expect(deviceTypeOf("060228")).toEqual({ type: "06", model: "GV300" });
  expect(deviceTypeOf("8020040703")).toEqual({ type: "802004", model: "GV58LAU" });
  expect(deviceTypeOf("C30100")).toEqual({ type: "C301", model: "GL533CG" });
  expect(deviceTypeOf("C30209")).toEqual({ type: "C3", model: "GL320M" });
  expect(deviceTypeOf("990001")).toEqual({ type: "99", model: undefined });
});

test("layouts for a device type come before those for any", () => {
  const [first] = layoutsOf("tail", "GTFRI", "35");
  expect(first?.types?.has("35")).toBe(true);
  const [other] = layoutsOf("tail", "GTFRI", "06");
  expect(other?.types).toBeUndefined();
});

test("every kind's pattern is anchored, so that a part of a field never passes for it", () => {
  const { kinds } = read("layouts", "kinds.json") as { kinds: { [name: string]: { pattern: string } } };
  for (const name of Object.keys(kinds)) expect(kindOf(name).pattern.source, name).toMatch(/^\^.*\$$/);
  expect(kindOf("decimal").pattern.test("12.5km")).toBe(false);
  expect(kindOf("deviceStatus").pattern.test("2201001")).toBe(false);
});
