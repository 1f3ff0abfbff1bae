import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

/**
 * Keeps the import table of README.md. A folder may import its own files by relative paths and the named folders through
 * the subpath names of package.json; root files are the composition root and may import everything.
 */

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "firmware-profiles": [],
  decoders: ["firmware-profiles"],
  store: [],
  gateway: ["decoders", "firmware-profiles", "store"],
  stream: ["decoders", "firmware-profiles", "store"],
  api: ["store", "stream"],
  simulator: ["decoders", "firmware-profiles", "stream"],
  bench: ["firmware-profiles", "decoders", "store", "gateway", "stream", "api", "simulator"],
};

/** Narrower rules inside a folder: which of our own modules these files may name, beyond nothing. */
const NARROWER: readonly { files: RegExp; forbids: RegExp; why: string }[] = [
  {
    files: /^gateway\//,
    forbids: /^#store\/(?!journal|postgres-journal|devices|device-directory|commands|quarantine-writes|index)/,
    why: "the gateway sees the journal, devices and commands only",
  },
  {
    files: /^stream\/(order|smooth|match|geofence|trip|eta|roads|verdict|evidence)\//,
    forbids: /^#store/,
    why: "stages are pure: only the run loop touches the store",
  },
  {
    files: /^api\//,
    forbids: /^#stream\/(run|fold|replay|caution|metrics|device-state|decode-frames)/,
    why: "the api takes pure helpers of the stream, never its run loop",
  },
  {
    files: /^simulator\/(?!scenarios\/)/,
    forbids: /^#stream\/(?!roads|match|smooth|verdict)/,
    why: "only scenarios start servers",
  },
];

const FORBIDDEN_FOLDERS = /(^|\/)(core|common|shared|utils|types|helpers)\//;
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;'"]*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|(?:^|\n)import\s+["']([^"']+)["']/g;

type Import = { file: string; specifier: string; typeOnly: boolean };

function sources(): string[] {
  return globSync("**/*.{ts,tsx}", { exclude: (name) => name === "node_modules" || name === "data" }).sort();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(IMPORT)].map((found) => ({
    file,
    specifier: found[2] ?? found[3] ?? found[4] ?? "",
    typeOnly: found[1] !== undefined,
  }));
}

const folderOf = (file: string): string | undefined => (file.includes("/") ? file.split("/")[0] : undefined);

/** The complaint about one import, or undefined where it is allowed. */
function complaint({ file, specifier, typeOnly }: Import): string | undefined {
  const folder = folderOf(file);
  if (folder === undefined) return undefined;
  const allowed = MAY_IMPORT[folder];
  if (allowed === undefined) return `${file}: the folder ${folder}/ is not in the import table`;
  if (specifier.startsWith(".")) {
    const target = relative(".", join(dirname(file), specifier));
    if (folderOf(target) === folder || target.endsWith("package.json")) return undefined;
    return `${file}: imports ${specifier} of another folder by a relative path`;
  }
  if (!specifier.startsWith("#")) return undefined;
  const target = specifier.slice(1).split("/")[0] ?? "";
  const isTest = /\.test\.ts$|\/test-[a-z-]+\.ts$/.test(file);
  if (isTest && specifier.startsWith("#store")) return undefined;
  if (file.startsWith("simulator/scenarios/") && target === "store") return undefined;
  if (folder === "store" && typeOnly && target === "decoders") return undefined;
  if (target === folder) return `${file}: imports its own folder as ${specifier}; use a relative path`;
  if (!allowed.includes(target)) return `${file}: ${folder}/ may not import ${specifier}`;
  if (isTest) return undefined;
  const narrower = NARROWER.find((rule) => rule.files.test(file) && rule.forbids.test(specifier));
  return narrower && !typeOnly ? `${file}: may not import ${specifier}: ${narrower.why}` : undefined;
}

test("every import follows the table", () => {
  const files = sources();
  for (const folder of Object.keys(MAY_IMPORT)) {
    expect(
      files.some((file) => file.startsWith(`${folder}/`)),
      `no sources seen in ${folder}/`,
    ).toBe(true);
  }
  const imports = files.flatMap(importsOf);
  expect(imports.length).toBeGreaterThan(files.length);
  expect(imports.map(complaint).filter((text) => text !== undefined)).toEqual([]);
});

test("the table's guard sees a forbidden import", () => {
  const seen = (file: string, specifier: string) => complaint({ file, specifier, typeOnly: false });
  expect(seen("decoders/teltonika/frame.ts", "#store")).toContain("may not import");
  expect(seen("gateway/tcp.ts", "../store/journal.ts")).toContain("relative path");
  expect(seen("stream/match/viterbi.ts", "#store/database.ts")).toContain("pure");
  expect(seen("gateway/tcp.ts", "#decoders")).toBeUndefined();
});

test("the environment is read in one place", () => {
  const readers = sources().filter(
    (file) => !file.endsWith(".test.ts") && folderOf(file) !== undefined && !/^bench\/|scenarios\//.test(file),
  );
  const offenders = readers.filter((file) => /\bprocess\.env\b/.test(readFileSync(file, "utf8")));
  expect(offenders).toEqual([]);
});

test("no folder has a name that says nothing", () => {
  expect(sources().filter((file) => FORBIDDEN_FOLDERS.test(file))).toEqual([]);
});
