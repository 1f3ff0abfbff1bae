import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, chmod, chown, mkdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Binaries } from "./binaries.ts";
import { EmbeddedPostgresError } from "./error.ts";
import { findIdentity, type Identity, SERVER_ENVIRONMENT } from "./identity.ts";

/** Where the parts of one embedded database lie, under the data folder. */
export type Layout = { folder: string; cluster: string; access: string; owner: string; log: string };

/** How to reach the server: kept so that the port stays the same and administration finds a running server. */
export type Access = { password: string; port: number };

const PASSWORD_BYTES = 24;
const FOLDER_MODE = 0o755;
const CLUSTER_MODE = 0o700;
const SECRET_MODE = 0o600;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

export function layoutOf(dataDir: string): Layout {
  const folder = join(dataDir, "postgres");
  const at = (name: string) => join(folder, name);
  return { folder, cluster: at("cluster"), access: at("access.json"), owner: at("owner.json"), log: at("server.log") };
}

/** Makes the cluster where there is none. Half a cluster, from a crash while it was made, is made again. */
export async function prepareCluster(
  binaries: Binaries,
  layout: Layout,
): Promise<{ identity: Identity; access: Access }> {
  if (await exists(layout.cluster)) {
    const identity = await findIdentity(binaries.initdb, layout.cluster);
    await refuseOtherVersion(binaries, layout.cluster);
    return { identity, access: await readAccess(layout) };
  }
  const draft = `${layout.cluster}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: CLUSTER_MODE });
  const identity = await findIdentity(binaries.initdb, draft);
  const access: Access = { password: randomBytes(PASSWORD_BYTES).toString("base64url"), port: 0 };
  await writeAccess(layout, access);
  await initialise(binaries, identity, draft, access.password);
  await rename(draft, layout.cluster);
  return { identity, access };
}

export async function readAccess(layout: Layout): Promise<Access> {
  return JSON.parse(await readFile(layout.access, "utf8")) as Access;
}

/** Replaces the file at once; it stays its folder's owner's even when root writes it. */
export async function writeAccess(layout: Layout, access: Access): Promise<void> {
  const draft = `${layout.access}.new`;
  await writeFile(draft, JSON.stringify(access), { mode: SECRET_MODE });
  await giveToFolderOwner(layout, draft);
  await rename(draft, layout.access);
}

/** Makes the server's log, or empties it when it has grown too long. */
export async function prepareLog(layout: Layout): Promise<void> {
  await appendFile(layout.log, "", { mode: SECRET_MODE });
  await giveToFolderOwner(layout, layout.log);
  if ((await stat(layout.log)).size > LOG_BYTES_MAX) await truncate(layout.log);
}

async function giveToFolderOwner(layout: Layout, file: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const owner = await stat(layout.folder);
  await chown(file, owner.uid, owner.gid);
}

/** The folder that holds all parts; it can be entered by the server's account, its secrets can't be read. */
export async function makeFolder(layout: Layout): Promise<void> {
  const created = await mkdir(layout.folder, { recursive: true });
  if (created !== undefined) await chmod(layout.folder, FOLDER_MODE);
}

async function initialise(binaries: Binaries, identity: Identity, cluster: string, password: string): Promise<void> {
  const passwordFile = `${cluster}.password`;
  await writeFile(passwordFile, `${password}\n`, { mode: SECRET_MODE });
  const owner = await stat(cluster);
  await chown(passwordFile, owner.uid, owner.gid);
  try {
    const command = [
      ...[
        ...identity.prefix,
        binaries.initdb,
        `--pgdata=${cluster}`,
        "--username=postgres",
        `--pwfile=${passwordFile}`,
      ],
      ...["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"],
      ...["--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"],
    ];
    const made = spawnSync(command[0]!, command.slice(1), {
      ...identity.spawn,
      cwd: "/",
      encoding: "utf8",
      env: SERVER_ENVIRONMENT,
    });
    if (made.status === 0) return;
    throw new EmbeddedPostgresError("EMBEDDED_START", `initdb failed: ${made.error?.message ?? made.stderr.trim()}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function refuseOtherVersion(binaries: Binaries, cluster: string): Promise<void> {
  const ours = /\d+/.exec(spawnSync(binaries.postgres, ["--version"], { encoding: "utf8" }).stdout)?.[0];
  const theirs = (await readFile(join(cluster, "PG_VERSION"), "utf8")).trim();
  if (ours === theirs) return;
  throw new EmbeddedPostgresError(
    "EMBEDDED_UNSUPPORTED",
    `${cluster} was made by PostgreSQL ${theirs}, this is PostgreSQL ${ours}: dump it with the version that made it`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
