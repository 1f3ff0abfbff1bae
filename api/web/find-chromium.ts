import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const INSTALLED = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The sandbox needs rights that containers and root do not have; WebGL is drawn in software. */
export const CHROMIUM_ARGUMENTS = [
  "--no-sandbox",
  "--headless=shell",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--ignore-gpu-blocklist",
];

/** A Chromium that starts here: the one of the development dependencies, else the system's; or why there is none. */
export async function findChromium(): Promise<{ path: string } | { reason: string }> {
  const reasons: string[] = [];
  for (const find of [unpackChromium, ...INSTALLED.filter(existsSync).map((path) => () => Promise.resolve(path))]) {
    try {
      const path = await find();
      const browser = await chromium.launch({ executablePath: path, args: CHROMIUM_ARGUMENTS });
      await browser.close();
      return { path };
    } catch (error) {
      reasons.push(String(error).split("\n", 2).join(" "));
    }
  }
  return { reason: `no Chromium starts here: ${reasons.join("; ")}` };
}

/**
 * Unpacks `@sparticuz/chromium` into a folder of this user and gives its path. The package unpacks in place, so it is let do
 * that elsewhere, and the whole folder is moved: another process never sees half of it.
 */
async function unpackChromium(): Promise<string> {
  const { version } = JSON.parse(await readFile(findPackageJSON("@sparticuz/chromium", import.meta.url)!, "utf8"));
  const folder = join(tmpdir(), `telematics-chromium-${version}-${userInfo().uid}`);
  if (!existsSync(folder)) {
    const partial = await mkdtemp(`${folder}-`);
    const script = 'import("@sparticuz/chromium").then((package_) => package_.default.executablePath())';
    await promisify(execFile)(process.execPath, ["-e", script], { cwd: import.meta.dirname, env: { TMPDIR: partial } });
    await rename(partial, folder).catch(() => rm(partial, { recursive: true }));
  }
  return join(folder, "chromium");
}
