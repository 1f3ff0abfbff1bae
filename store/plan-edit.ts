import type { Database } from "./database.ts";
import { commitPlans, type PlanChanges } from "./plan-commit.ts";
import type { PlanRefusal } from "./plan-draft.ts";
import { PlanEdit } from "./plan-load.ts";
import { inRehearsal, inTransaction } from "./transaction.ts";

/** One change of a fleet's plans, whole or not at all. */

export type Edited<Result> = { kind: "edited"; result: Result; changes: PlanChanges };

/**
 * Runs `work` on the plans of a fleet and writes what it has changed; a refusal writes nothing. `rehearse`: nothing is
 * kept either way.
 */
export async function editPlans<Result extends object>(
  database: Database,
  fleetId: number,
  work: (edit: PlanEdit) => Promise<Result | PlanRefusal>,
  rehearse = false,
): Promise<Edited<Result> | PlanRefusal> {
  const run = rehearse ? inRehearsal : inTransaction;
  return run<Edited<Result> | PlanRefusal>(database, async (query, client) => {
    const edit = await PlanEdit.begin(query, client, fleetId);
    const result = await work(edit);
    if (isRefusal(result)) return result;
    return { kind: "edited", result, changes: await commitPlans(edit) };
  });
}

const REFUSALS: Readonly<Record<PlanRefusal["kind"], true>> = {
  missing: true,
  conflict: true,
  taken: true,
  elsewhere: true,
  full: true,
  cancelled: true,
  mismatch: true,
};

export function isRefusal(result: object): result is PlanRefusal {
  return "kind" in result && typeof result.kind === "string" && result.kind in REFUSALS;
}

/** `conflict` when a thing has another version than the caller knows (null: any will do). */
export function conflictOf(
  draft: { readonly stored: { readonly version: number } | null } | undefined,
  expectedVersion: number | null | undefined,
): PlanRefusal | undefined {
  const version = draft?.stored?.version ?? 0;
  return expectedVersion == null || expectedVersion === version ? undefined : { kind: "conflict", version };
}
