import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { elementOf } from "./element.ts";
import schema from "./profile.schema.json" with { type: "json" };
import { type Element, GENERIC_FAMILY, type Profile, type ProfileElement, type ProfileFile } from "./profile.ts";

export type ModelPattern = { pattern: RegExp; profile: Profile };

export type LoadedProfiles = {
  /** Generic profiles by protocol. */
  generic: Map<string, Profile>;
  /** The others, each model matched by at most one pattern. */
  models: Map<string, ModelPattern[]>;
  all: Profile[];
};

export type LoadResult = { kind: "ok"; profiles: LoadedProfiles } | { kind: "invalid"; errors: string[] };

/**
 * Reads every profile under `folder/<protocol>/`. All errors are reported together, each with file and path inside it:
 * `teltonika/fmb.json#/elements/3/scale: must be > 0`.
 */
export function loadProfiles(folder: string): LoadResult {
  const validate = new Ajv({
    allErrors: true,
    strict: true,
    strictRequired: false,
    strictTypes: false,
  }).compile<ProfileFile>(schema);
  const errors: string[] = [];
  const profiles: LoadedProfiles = { generic: new Map(), models: new Map(), all: [] };
  for (const path of profilePaths(folder)) {
    const name = relative(folder, path).replaceAll("\\", "/");
    const found = readProfile(path, validate);
    if (found.kind === "invalid") errors.push(...found.errors.map((error) => `${name}#${error}`));
    else errors.push(...addProfile(profiles, found.file).map((error) => `${name}#${error}`));
  }
  if (profiles.all.length === 0 && errors.length === 0) errors.push(`${folder}: no profile found`);
  return errors.length > 0 ? { kind: "invalid", errors } : { kind: "ok", profiles };
}

function profilePaths(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => readdirSync(join(folder, entry.name)).map((file) => join(folder, entry.name, file)))
    .filter((path) => path.endsWith(".json"))
    .sort();
}

type ReadResult = { kind: "ok"; file: ProfileFile } | { kind: "invalid"; errors: string[] };

function readProfile(path: string, validate: ValidateFunction<ProfileFile>): ReadResult {
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    return { kind: "invalid", errors: [`/: not JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  if (validate(file)) return { kind: "ok", file };
  const errors = (validate.errors ?? []).map((error) => `${error.instancePath || "/"}: ${error.message ?? "invalid"}`);
  return { kind: "invalid", errors };
}

function addProfile(profiles: LoadedProfiles, file: ProfileFile): string[] {
  const { errors, elements } = indexElements(file.elements, file.family === GENERIC_FAMILY);
  const { protocol, family, title } = file;
  const profile: Profile = { protocol, family, title, elements };
  profiles.all.push(profile);
  if (family === GENERIC_FAMILY) {
    profiles.generic.set(protocol, profile);
    return errors;
  }
  const patterns = profiles.models.get(protocol) ?? [];
  profiles.models.set(protocol, patterns);
  file.models.forEach((model, index) => {
    try {
      patterns.push({ pattern: new RegExp(`^(?:${model})$`), profile });
    } catch (error) {
      errors.push(`/models/${index}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return errors;
}

/**
 * Ids and names may each stand only once in a profile: two elements under one name would overwrite each other. The generic
 * profile may name ids of different families alike, which no one device sends together.
 */
function indexElements(list: readonly ProfileElement[], namesShared: boolean) {
  const errors: string[] = [];
  const elements = new Map<number, Element>();
  const names = new Map<string, number>();
  list.forEach((element, index) => {
    if (elements.has(element.id)) errors.push(`/elements/${index}/id: ${element.id} is there twice`);
    elements.set(element.id, elementOf(element));
    for (const name of namesOf(element)) {
      const other = names.get(name);
      if (other !== undefined && !namesShared)
        errors.push(`/elements/${index}/name: ${name} is also the name of id ${other}`);
      names.set(name, element.id);
    }
  });
  return { errors, elements };
}

/** The attributes that an element may produce, but for its fault. */
export function namesOf(element: ProfileElement): string[] {
  return element.bits ? Object.values(element.bits) : [element.name];
}
