import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedPostgres, openEmbeddedPostgres } from "#store";
import { addDevice, createApiKey, listAllDevices, migrateDatabase } from "./administration.ts";
import { type Config, parseConfig } from "./config.ts";

let folder: string;
let config: Config;
let server: EmbeddedPostgres;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "telematics-administration-"));
  const parsed = parseConfig({ DATA_DIR: join(folder, "data") });
  if (parsed.kind === "invalid") throw new Error(parsed.errors.join());
  config = parsed.config;
  server = await openEmbeddedPostgres({ dataDir: config.DATA_DIR });
});

afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

test("administration uses the server that runs on the data folder, and leaves it running", async () => {
  const lines: string[] = [];
  await migrateDatabase(config, (line) => lines.push(line));
  await addDevice(config, { uid: "352093081234567" }, (line) => lines.push(line));
  await listAllDevices(config, (line) => lines.push(line));
  expect(JSON.parse(lines[0]!).applied).not.toEqual([]);
  expect(JSON.parse(lines[2]!)).toMatchObject({ uid: "352093081234567" });
  expect(() => process.kill(server.processId, 0)).not.toThrow();
});

test("what can't be done is said in the words of the command", async () => {
  const print = () => undefined;
  await expect(addDevice(config, { uid: "352093081234567" }, print)).rejects.toThrow("is registered already");
  const scopes = { scopes: "fixes:read", fleet: 77 };
  await expect(createApiKey(config, "x", scopes, print)).rejects.toThrow("there is no fleet 77");
});
