import { type LoadedProfiles, loadProfiles } from "./load.ts";
import type { Profile } from "./profile.ts";

export type { Element, Profile } from "./profile.ts";

/** The profile files are wrong; `errors` names file, path and fault of each. */
export class ProfileError extends Error {
  override readonly name = "ProfileError";
  readonly code = "profiles_invalid";
  readonly errors: readonly string[];

  constructor(errors: readonly string[]) {
    super(`firmware profiles are invalid:\n${errors.join("\n")}`);
    this.errors = errors;
  }
}

let opened: LoadedProfiles | undefined;

/**
 * Reads and validates all profiles once; throws `ProfileError`. A program calls it when it starts, so that a wrong file
 * ends it there and not at the first frame.
 */
export function openProfiles(): LoadedProfiles {
  if (opened) return opened;
  const loaded = loadProfiles(import.meta.dirname);
  if (loaded.kind === "invalid") throw new ProfileError(loaded.errors);
  opened = loaded.profiles;
  return opened;
}

const NO_PROFILE: Profile = { protocol: "", family: "none", title: "No profile", elements: new Map() };

/**
 * The profile of a device model (`FMB120`, in any case), or the protocol's generic one where the model is unknown or
 * null. A protocol without profiles gets an empty one.
 */
export function profileFor(protocol: string, model: string | null): Profile {
  const { models, generic } = openProfiles();
  const wanted = model?.trim().toUpperCase();
  const found = wanted && models.get(protocol)?.find(({ pattern }) => pattern.test(wanted));
  return found ? found.profile : (generic.get(protocol) ?? NO_PROFILE);
}
