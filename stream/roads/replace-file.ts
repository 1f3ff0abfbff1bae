import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";

/**
 * Opens a file beside `path`, lets `write` fill it, and puts it in the place of `path` once it is whole and on the disk: who opens
 * `path` meanwhile finds what was there before, and so does everybody when `write` fails. What is no regular file, such as a
 * device, is written itself.
 */
export async function replaceFile<Result>(path: string, write: (file: FileHandle) => Promise<Result>): Promise<Result> {
  const target = await findTarget(path);
  const draft = target.isReplaced ? `${target.path}.${process.pid}.unfinished` : target.path;
  try {
    const result = await fill(draft, write, target.isReplaced);
    if (target.isReplaced) await rename(draft, target.path);
    return result;
  } catch (error) {
    if (target.isReplaced) await rm(draft, { force: true });
    throw error;
  }
}

async function fill<Result>(
  path: string,
  write: (file: FileHandle) => Promise<Result>,
  isSynced: boolean,
): Promise<Result> {
  const file = await open(path, "w");
  try {
    const result = await write(file);
    if (isSynced) await file.sync();
    return result;
  } finally {
    await file.close();
  }
}

/** Where a path leads, and whether a file may be moved there. */
async function findTarget(path: string): Promise<{ path: string; isReplaced: boolean }> {
  try {
    const real = await realpath(path);
    return { path: real, isReplaced: (await stat(real)).isFile() };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return { path, isReplaced: true };
  }
}
