import { globSync } from "node:fs";
import { defineConfig } from "vite";
import { compressAssets } from "./compress-assets.ts";

/** Every `*.html` beside this file is a page of its own; what it imports comes to `dist/assets/` under hashed names. */
export default defineConfig(({ mode }) => ({
  root: import.meta.dirname,
  appType: "mpa",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: mode === "production" ? [compressAssets()] : [],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    // The content security policy takes nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_200,
    rolldownOptions: {
      input: globSync("*.html", { cwd: import.meta.dirname }).map((name) => `${import.meta.dirname}/${name}`),
    },
  },
}));
