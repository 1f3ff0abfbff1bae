import { readFile, stat } from "node:fs/promises";
import { ARCHIVE_BYTES_MAX, verifyArchive } from "#stream/evidence/verify-archive.ts";

/**
 * The `verify` command: prints one JSON object, and throws where the archive is not what was exported. `head`: the chain
 * hash that it must end at; without it the archive is held against itself alone.
 */
export async function verifyFile(file: string, head: string | undefined, print: (line: string) => void): Promise<void> {
  const { size } = await stat(file);
  if (size > ARCHIVE_BYTES_MAX) throw new Error(`${file}: more than ${ARCHIVE_BYTES_MAX} bytes`);
  const verification = verifyArchive(await readFile(file));
  print(JSON.stringify(verification));
  if (verification.kind === "failed") throw new Error(`${verification.element}: ${verification.detail}`);
  if (head !== undefined && head.toLowerCase() !== verification.head.chainSha256) {
    throw new Error(`the chain ends at ${verification.head.chainSha256}, not at the head that was given`);
  }
}
