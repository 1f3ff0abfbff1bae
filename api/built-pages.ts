import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where `npm run build` puts the pages of `api/web/`. */
export const PAGES_FOLDER = fileURLToPath(new URL("web/dist/", import.meta.url));

/** The pages that a build left in a folder: HTML by name, `index` for `index.html`; their assets lie in `assets/`. */
export type BuiltPages = { folder: string; html: ReadonlyMap<string, string> };

/** Reads every page once. A folder that was never built has none. */
export function readBuiltPages(folder: string): BuiltPages {
  const names = globSync("*.html", { cwd: folder });
  const read = (name: string) => readFileSync(`${folder}/${name}`, "utf8");
  return { folder, html: new Map(names.map((name) => [name.slice(0, -".html".length), read(name)])) };
}

/**
 * Content security policy of the pages: everything comes from this host, nothing inline. Pictures may be made by the page
 * itself (`data:`, `blob:`), as MapLibre and photo previews do.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of every page. A page with someone's data on it adds `cache-control: private, no-store` in place of this one. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": PAGE_POLICY,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-cache",
};
