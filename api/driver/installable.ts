import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** What makes the driver's page an app on a phone: manifest, icons, and the service worker with what it keeps. */

/** The page without anybody's token: what starts offline. */
export const SHELL_PATH = "/d/shell";

const ICON_SIZES = ["192", "512"];
const ICONS = new Map(ICON_SIZES.map((size) => [size, readFileSync(new URL(`icon-${size}.png`, import.meta.url))]));
const WORKER = readFileSync(new URL("service-worker.js", import.meta.url), "utf8");
const VERSION_CHARACTERS = 16;

export const iconNamed = (size: string): Buffer | undefined => ICONS.get(size);

/** An installed page opens with the token that it was installed with. */
export function manifestOf(token: string): string {
  return JSON.stringify({
    id: "/d/",
    name: "Driver",
    short_name: "Driver",
    start_url: `/d/${token}`,
    scope: "/d/",
    display: "standalone",
    background_color: "#eef1f3",
    theme_color: "#0b6e75",
    icons: ICON_SIZES.map((size) => ({
      ...{ src: `/d/icons/${size}`, sizes: `${size}x${size}`, type: "image/png", purpose: "any maskable" },
    })),
  });
}

/** The service worker for this build of the page: everything that the page loads, and nothing else, is kept. */
export function serviceWorkerOf(shell: string): string {
  const assets = [...shell.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((found) => found[1]!);
  const paths = [SHELL_PATH, ...new Set(assets)];
  const version = createHash("sha256").update(shell).digest("hex").slice(0, VERSION_CHARACTERS);
  return `const KEPT = ${JSON.stringify({ version, shell: SHELL_PATH, paths })};\n${WORKER}`;
}
