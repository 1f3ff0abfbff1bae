import { describe, expect, it } from "vitest";
import { judge, requiredCondition } from "./condition.ts";
import { prepareCommand } from "./prepare.ts";

const classOf = (protocol: string, text: string) => {
  const prepared = prepareCommand({ protocol, text });
  return prepared.kind === "fit" ? prepared.class : prepared.detail;
};

describe("the class of a command", () => {
  it.each([
    ["teltonika", "getver", "normal"],
    ["teltonika", "setparam 2004:example.org", "normal"],
    ["teltonika", "setdigout 1", "immobiliser"],
    ["teltonika", "  SETDIGOUT ?1", "immobiliser"],
    ["teltonika", "setigndigout 1", "immobiliser"],
    ["teltonika", "lvcanblockengine 1", "immobiliser"],
    ["queclink", "AT+GTRTO=gv300,1,,,,,,FFFF$", "normal"],
    ["queclink", "AT+GTOUT=gv300,1,,,0,,,,,,,,,FFFF$", "immobiliser"],
    ["queclink", "AT+GTCMD=gv300,1,0,AT+GTOUT=gv300;1,,,FFFF$", "immobiliser"],
    ["gt06", "STATUS#", "normal"],
    ["gt06", "RELAY,1#", "immobiliser"],
    ["gt06", "DYD,000000#", "immobiliser"],
    ["gt06", "HFYD,000000#", "immobiliser"],
    ["owntracks", "reportLocation", "normal"],
  ])("of %s %s is %s", (protocol, text, expected) => {
    expect(classOf(protocol, text)).toBe(expected);
  });

  it("can be raised by the caller, never lowered", () => {
    expect(prepareCommand({ protocol: "gt06", text: "STATUS#", class: "immobiliser" })).toMatchObject({
      class: "immobiliser",
      condition: { speedMaxMps: 0.5, fixAgeMaxS: 60 },
    });
    expect(prepareCommand({ protocol: "gt06", text: "RELAY,1#", class: "normal" })).toMatchObject({
      class: "immobiliser",
    });
  });
});

describe("what is no command", () => {
  it.each([
    ["osmand", "getver", "osmand devices take no commands"],
    ["teltonika", "get\u0000ver", "the text is not printable ASCII"],
    ["teltonika", "x".repeat(1_001), "the text has more than 1000 characters"],
    ["queclink", "AT+GTRTO=gv300,1$", "serial number as its last field"],
    ["queclink", "AT+GTRTO=gv300,1,,FFFF$AT+GTOUT=gv300,1,FFFF$", "serial number as its last field"],
    ["gt06", "x".repeat(250), "the text has more than 249 characters"],
    ["owntracks", "selfDestruct", "expected an action"],
    ["owntracks", '{"action":"setWaypoints"}', "expected an action"],
    ["owntracks", '{"action":', "expected an action"],
  ])("for %s %j says so", (protocol, text, detail) => {
    expect(prepareCommand({ protocol, text })).toMatchObject({
      kind: "misfit",
      detail: expect.stringContaining(detail),
    });
  });

  it("a type without words in the protocol says so", () => {
    expect(prepareCommand({ protocol: "queclink", type: "locate" }).kind).toBe("misfit");
    expect(prepareCommand({ protocol: "gt06", type: "locate" })).toMatchObject({ text: "WHERE#" });
  });
});

describe("a condition", () => {
  it("of an immobiliser is never looser than standing still, seen lately", () => {
    expect(requiredCondition("immobiliser", null)).toEqual({ speedMaxMps: 0.5, fixAgeMaxS: 60 });
    expect(requiredCondition("immobiliser", { speedMaxMps: 30, fixAgeMaxS: 86_400 })).toEqual({
      speedMaxMps: 0.5,
      fixAgeMaxS: 300,
    });
    expect(requiredCondition("immobiliser", { speedMaxMps: 0, fixAgeMaxS: 5 })).toEqual({
      speedMaxMps: 0,
      fixAgeMaxS: 5,
    });
    expect(requiredCondition("normal", null)).toBeNull();
    expect(requiredCondition("normal", { speedMaxMps: 3 })).toEqual({ speedMaxMps: 3, fixAgeMaxS: 60 });
  });

  const standing = { speedMaxMps: 0.5, fixAgeMaxS: 60 };

  it.each([
    ["met", { speedMps: 0.5, fixAgeS: 60 }],
    ["unmet", { speedMps: 0.6, fixAgeS: 0 }],
    ["unmet", { speedMps: 20, fixAgeS: 86_400 }],
    ["unknown", { speedMps: 0, fixAgeS: 61 }],
    ["unknown", { speedMps: null, fixAgeS: 1 }],
    ["unknown", { speedMps: null, fixAgeS: null }],
  ])("is %s by %j", (kind, observed) => {
    expect(judge(standing, observed).kind).toBe(kind);
  });

  it("that is none is met by anything", () => {
    expect(judge(null, { speedMps: null, fixAgeS: null }).kind).toBe("met");
  });
});
