import { expect, test } from "vitest";
import { hashPassword, verifyPassword } from "./device-passwords.ts";

test("a password is found right by its hash, and no other is", async () => {
  const stored = await hashPassword("correct horse");
  expect(stored).toMatch(/^scrypt\$14\$8\$1\$/);
  expect(stored).not.toContain("correct");
  expect(await verifyPassword("correct horse", stored)).toBe(true);
  expect(await verifyPassword(Buffer.from("correct horse"), stored)).toBe(true);
  expect(await verifyPassword("correct horsf", stored)).toBe(false);
  expect(await verifyPassword("", stored)).toBe(false);
});

test("the same password has another hash each time", async () => {
  expect(await hashPassword("correct horse")).not.toBe(await hashPassword("correct horse"));
});

test("what is no hash of ours matches nothing and costs nothing", async () => {
  for (const stored of ["", "plain", "scrypt$40$8$1$aa$bb", "scrypt$14$8$1$aa$bb", "scrypt$14$900$1$aa$bb"]) {
    expect(await verifyPassword("correct horse", stored)).toBe(false);
  }
});
