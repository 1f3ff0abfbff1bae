import { expect, test } from "vitest";
import { StartAbortedError, whenReachable } from "./when-reachable.ts";

const quiet = { warn: () => undefined };
const never = new AbortController().signal;
const coded = (code: string) => Object.assign(new Error("refused"), { code });

test.each([
  coded("ECONNREFUSED"),
  coded("57P03"),
  coded("53300"),
  new Error("Connection terminated unexpectedly"),
  new Error("Query read timeout"),
  new Error("timeout exceeded when trying to connect"),
  new Error("journal", { cause: coded("ECONNRESET") }),
])("what needs the database is done once it is there: %s", async (away) => {
  let tries = 0;
  const work = () => (++tries < 3 ? Promise.reject(away) : Promise.resolve("done"));
  expect(await whenReachable(work, quiet, never, 1)).toBe("done");
  expect(tries).toBe(3);
});

test("any other failure is final", async () => {
  let tries = 0;
  const work = () => Promise.reject(++tries > 0 ? coded("28P01") : new Error());
  await expect(whenReachable(work, quiet, never, 1)).rejects.toThrow("refused");
  expect(tries).toBe(1);
});

test("a signal calls the start off", async () => {
  const stopping = new AbortController();
  const work = () => {
    stopping.abort();
    return Promise.reject(coded("ECONNREFUSED"));
  };
  await expect(whenReachable(work, quiet, stopping.signal, 60_000)).rejects.toThrow(StartAbortedError);
});
