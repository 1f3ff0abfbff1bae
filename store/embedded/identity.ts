import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chown, lchown, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { EmbeddedPostgresError } from "./error.ts";

/**
 * Whom the server runs as. PostgreSQL refuses the super-user, so root lends it another identity, without making an
 * account. The folders above may be closed to everyone but root, hence three ways, the first that works is taken:
 *
 * - `setpriv`: another account that keeps the one capability to pass closed folders. no_setuid_fixup lets access(2)
 *   honour that capability, by which PostgreSQL looks for its own executable.
 * - `unshare`: a user namespace in which root has another name; the files stay root's.
 * - a plain change of user, which needs folders that the account may enter.
 */
export type Identity = {
  /** Words to put before the command. */
  readonly prefix: readonly string[];
  readonly spawn: { readonly uid?: number; readonly gid?: number };
  readonly description: string;
};

type Candidate = Identity & { readonly fileUid: number; readonly fileGid: number };

type Account = { name: string; uid: number; gid: number };

/** Accounts that exist on every system or come with PostgreSQL; initdb wants one with a name. */
const ACCOUNT_NAMES = ["postgres", "nobody"] as const;
const ROOT = 0;
/** PostgreSQL's programs see nothing of our environment: its PG… and locale variables would change what they do. */
export const SERVER_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
  TZ: "UTC",
} as const;

/** Finds an identity that can run `initdb` on `cluster`, and gives it the folder. */
export async function findIdentity(initdb: string, cluster: string): Promise<Identity> {
  const uid = process.getuid?.();
  const owner = await stat(cluster);
  if (uid === undefined || uid !== ROOT) {
    if (uid !== undefined && owner.uid !== uid) {
      throw new EmbeddedPostgresError(
        "EMBEDDED_OWNER",
        `${cluster} belongs to user ${owner.uid}, this is user ${uid}: start as that user (or root), or choose another data folder`,
      );
    }
    return { prefix: [], spawn: {}, description: "this user" };
  }
  const account = owner.uid === ROOT ? findAccount() : { name: `user ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  const refusals: string[] = [];
  for (const candidate of candidates(account)) {
    await giveFolder(cluster, candidate.fileUid, candidate.fileGid);
    const refusal = probe(candidate, initdb, cluster);
    if (refusal === undefined) return candidate;
    refusals.push(`${candidate.description}: ${refusal}`);
  }
  throw new EmbeddedPostgresError(
    "EMBEDDED_UNSUPPORTED",
    `PostgreSQL does not run as root, and no other way was found; start as an ordinary user or set DATABASE_URL\n${refusals.join("\n")}`,
  );
}

function candidates(account: Account): Candidate[] {
  const { uid, gid, name } = account;
  const capability = "-all,+dac_override";
  return [
    {
      prefix: [
        ...["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--securebits=+no_setuid_fixup"],
        ...[`--inh-caps=${capability}`, "--ambient-caps=+dac_override", `--bounding-set=${capability}`, "--"],
      ],
      spawn: {},
      description: `${name} by setpriv`,
      fileUid: uid,
      fileGid: gid,
    },
    {
      prefix: ["unshare", "--user", `--map-user=${uid}`, `--map-group=${gid}`, "--"],
      spawn: {},
      description: `${name} in a user namespace`,
      fileUid: ROOT,
      fileGid: ROOT,
    },
    { prefix: [], spawn: { uid, gid }, description: name, fileUid: uid, fileGid: gid },
  ];
}

/** Why the candidate can't run PostgreSQL's tools on the folder, undefined when it can. */
function probe(candidate: Candidate, initdb: string, cluster: string): string | undefined {
  // --show prints initdb's settings and ends: it refuses root, wants a named account and finds its sibling programs.
  const script = 'test -w "$1" && test -x "$1" && exec "$0" --show --pgdata="$1"';
  const command = [...candidate.prefix, "sh", "-c", script, initdb, cluster];
  const tried = spawnSync(command[0]!, command.slice(1), {
    ...candidate.spawn,
    cwd: "/",
    encoding: "utf8",
    env: SERVER_ENVIRONMENT,
  });
  if (tried.status === 0) return undefined;
  return tried.error?.message ?? (tried.stderr.trim().split("\n").at(-1) || "the folder can't be written");
}

function findAccount(): Account {
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ACCOUNT_NAMES) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields !== undefined) return { name, uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new EmbeddedPostgresError(
    "EMBEDDED_UNSUPPORTED",
    "PostgreSQL does not run as root, and there is no user nobody",
  );
}

/** Changes the owner of the folder and all in it, unless it is right already. */
async function giveFolder(folder: string, uid: number, gid: number): Promise<void> {
  if ((await stat(folder)).uid === uid) return;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    await lchown(join(entry.parentPath, entry.name), uid, gid);
  }
  await chown(folder, uid, gid);
}
