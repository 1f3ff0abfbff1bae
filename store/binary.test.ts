import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  boolArray,
  byteaArray,
  float4Array,
  float8Array,
  int2Array,
  int4Array,
  int8Array,
  jsonbArray,
  textArray,
  timestamptzArray,
} from "./binary.ts";
import { type Database, openDatabase } from "./database.ts";
import { openTestDatabase, type TestDatabase } from "./testing.ts";

let test_: TestDatabase;
let database: Database;
beforeAll(async () => {
  test_ = await openTestDatabase();
  database = await openDatabase({ url: test_.url, applicationName: "test", connectionsMax: 1 });
});
afterAll(async () => {
  await database.close();
  await test_.close();
});

const RUNS = { numRuns: 25 };
const TIME_MAX_MS = 8_640_000_000_000_000;

/** What the server reads from the parameter, as texts in its own spelling. */
async function serverReads(type: string, parameter: Buffer): Promise<(string | null)[]> {
  const expression = type === "bytea" ? "encode(v, 'hex')" : "v::text";
  const found = await database.pool.query<[string | null]>({
    text: `select ${expression} from unnest($1::${type}[]) with ordinality as n (v, i) order by i`,
    values: [parameter],
    rowMode: "array",
  });
  return found.rows.map(([value]) => value);
}

/** Arrays of values with nulls among them, read back from the server by `read`. */
async function roundTrips<T>(
  type: string,
  value: fc.Arbitrary<T>,
  encode: (values: (T | null)[]) => Buffer,
  read: (text: string) => unknown,
  expected: (value: T) => unknown = (given) => given,
): Promise<void> {
  const values = fc.array(fc.option(value), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(values, async (given) => {
      const got = await serverReads(type, encode(given));
      expect(got.map((text) => (text === null ? null : read(text)))).toEqual(
        given.map((one) => (one === null ? null : expected(one))),
      );
    }),
    RUNS,
  );
}

test("the server reads the same booleans, integers and bytes, nulls included", async () => {
  await roundTrips("boolean", fc.boolean(), boolArray, (text) => text === "true");
  await roundTrips("smallint", fc.integer({ min: -32_768, max: 32_767 }), int2Array, Number);
  await roundTrips("integer", fc.integer(), int4Array, Number);
  await roundTrips("bigint", fc.maxSafeInteger(), int8Array, Number);
  await roundTrips("bigint", fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), int8Array, BigInt);
  await roundTrips(
    "bytea",
    fc.uint8Array(),
    byteaArray,
    (text) => text,
    (bytes) => Buffer.from(bytes).toString("hex"),
  );
});

test("the server reads the same floating-point numbers", async () => {
  const positiveZero = (value: number) => (Object.is(value, -0) ? -0 : value);
  await roundTrips("float8", fc.double(), float8Array, Number, positiveZero);
  await roundTrips("float4", fc.float(), float4Array, (text) => Math.fround(Number(text)), positiveZero);
});

test("the server reads the same texts and JSON", async () => {
  const text = fc.string({ unit: "binary" }).filter((value) => !value.includes("\0"));
  await roundTrips("text", text, textArray, (given) => given);
  const json = fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)));
  const encode = (values: (Record<string, unknown> | null)[]) =>
    jsonbArray(values.map((value) => (value === null ? null : JSON.stringify(value))));
  await roundTrips(
    "jsonb",
    json,
    encode,
    (given) => JSON.parse(given),
    (given) => JSON.parse(JSON.stringify(given)),
  );
});

test("the server reads the same times, to the millisecond and over all years that it knows", async () => {
  const timeMs = fc.integer({ min: -6_000_000_000_000, max: TIME_MAX_MS });
  await fc.assert(
    fc.asyncProperty(fc.array(timeMs, { maxLength: 40 }), async (given) => {
      const found = await database.pool.query<{ ms: number }>(
        `select (extract(epoch from v) * 1000)::float8 as ms
        from unnest($1::timestamptz[]) with ordinality as n (v, i) order by i`,
        [timestamptzArray(given)],
      );
      expect(found.rows.map((row) => row.ms)).toEqual(given);
    }),
    RUNS,
  );
});

test("values outside their type are refused, not cut", () => {
  for (const encode of [
    () => int2Array([32_768]),
    () => int4Array([2 ** 31]),
    () => int4Array([1.5]),
    () => int4Array([Number.NaN]),
    () => int8Array([2 ** 53]),
    () => int8Array([2n ** 63n]),
    () => timestamptzArray([Number.NaN]),
  ]) {
    expect(encode).toThrow(RangeError);
  }
});
