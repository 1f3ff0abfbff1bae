import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { exampleArchive } from "#stream/evidence/example-archive.ts";
import { verifyFile } from "./verify.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "verify-"));
});

afterAll(() => rm(folder, { recursive: true }));

test("verify says what an archive holds, and fails naming the first element that is not what it was", async () => {
  const lines: string[] = [];
  const file = join(folder, "evidence.zip");
  const archive = Buffer.from(exampleArchive(4));
  await writeFile(file, archive);
  await verifyFile(file, undefined, (line) => lines.push(line));
  const { kind, head } = JSON.parse(lines[0]!);
  expect(kind).toBe("verified");
  await verifyFile(file, head.chainSha256, () => undefined);
  await expect(verifyFile(file, "00", () => undefined)).rejects.toThrow("the chain ends at");
  archive[archive.indexOf("frame 10 of")]! ^= 1;
  await writeFile(file, archive);
  await expect(verifyFile(file, undefined, () => undefined)).rejects.toThrow("frames/10: its SHA-256 is");
});
