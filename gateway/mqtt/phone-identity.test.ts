import { expect, test } from "vitest";
import { candidateUids, isClientIdOf, mayPublish, maySubscribe, namedUids, uidOfPublish } from "./phone-identity.ts";

const login = (username: string | undefined, clientId: string, willTopic?: string) => ({
  username,
  clientId,
  willTopic,
});

test("a login means the device that its user name, its last will or its client id names", () => {
  expect(candidateUids(login("ana/phone", "x"))).toEqual(["ana/phone"]);
  expect(candidateUids(login("ana", "anaphone", "owntracks/ana/Phone"))[0]).toBe("ana/Phone");
  expect(candidateUids(login("ana", "ana/phone"))).toContain("ana/phone");
  expect(candidateUids(login("ana", "ana phone"))[0]).toBe("ana/phone");
  expect(candidateUids(login("ana", "ana-phone"))[0]).toBe("ana/phone");
  expect(candidateUids(login("ana", "anaphone"))[0]).toBe("ana/phone");
  expect(candidateUids(login("ana", "phone"))).toEqual(["ana/phone"]);
});

test("a login never means a device of another user, and not many devices", () => {
  expect(candidateUids(login("ana", "bo/phone", "owntracks/bo/phone"))).toEqual(["ana/bo/phone"]);
  expect(candidateUids(login("ana/phone", "bo/phone", "owntracks/bo/phone"))).toEqual(["ana/phone"]);
  expect(candidateUids(login(undefined, "")).length).toBe(0);
  expect(candidateUids(login("ana", "ana phone", "owntracks/ana/tablet")).length).toBeLessThanOrEqual(5);
});

test("without a user name a device is named by its last will or its client id in full", () => {
  expect(namedUids(login(undefined, "abc", "owntracks/ana/phone"))).toEqual(["ana/phone"]);
  expect(namedUids(login(undefined, "ana/phone"))).toEqual(["ana/phone"]);
  expect(namedUids(login("ana", "abc", "elsewhere/ana/phone"))).toEqual([]);
});

test("a client id is that of the device or of nobody", () => {
  for (const clientId of ["", "ana/phone", "ana phone", "anaphone", "ANA-Phone", "phone", "ana_phone"]) {
    expect(isClientIdOf("ana/phone", clientId), clientId).toBe(true);
  }
  for (const clientId of ["bo phone", "ana", "ana phone 2", "mqttjs_1234"]) {
    expect(isClientIdOf("ana/phone", clientId), clientId).toBe(false);
  }
  expect(isClientIdOf("анна/телефон", "иван телефон")).toBe(false);
});

test("a device publishes below its own topic only and subscribes to its own commands only", () => {
  expect(mayPublish("ana/phone", "owntracks/ana/phone")).toBe(true);
  expect(mayPublish("ana/phone", "owntracks/ana/phone/event")).toBe(true);
  for (const topic of [
    "owntracks/ana/phone2",
    "owntracks/ana",
    "owntracks/bo/phone",
    "x/ana/phone",
    "/owntracks/ana/phone",
  ]) {
    expect(mayPublish("ana/phone", topic), topic).toBe(false);
  }
  expect(mayPublish("ana/phone", `owntracks/ana/phone/${"é".repeat(300)}`)).toBe(false);
  expect(maySubscribe("ana/phone", "owntracks/ana/phone/cmd")).toBe(true);
  for (const filter of ["owntracks/ana/phone", "owntracks/ana/phone/#", "owntracks/+/+/cmd", "#"]) {
    expect(maySubscribe("ana/phone", filter), filter).toBe(false);
  }
});

test("the device of a publish is named by the two levels below our root", () => {
  expect(uidOfPublish("owntracks/ana/phone/event")).toBe("ana/phone");
  for (const topic of ["owntracks/ana", "owntracks//phone", "other/ana/phone", ""]) {
    expect(uidOfPublish(topic)).toBeUndefined();
  }
});
