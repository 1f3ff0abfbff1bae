/**
 * Run by `npm install` and `npm ci`: builds the pages, so that a fresh clone serves them. Where the development dependencies
 * were left out there is no builder, and the pages come from a build made elsewhere (see Dockerfile).
 */
const vite = await import("vite").catch((error: NodeJS.ErrnoException) => {
  if (error.code === "ERR_MODULE_NOT_FOUND") return undefined;
  throw error;
});

if (vite === undefined)
  process.stdout.write("The web pages are not built: the development dependencies are left out.\n");
else await vite.build({ configFile: `${import.meta.dirname}/vite.config.ts`, logLevel: "warn" });
