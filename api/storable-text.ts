import type { FastifyInstance, FastifyRequest } from "fastify";
import { Problem } from "./problems.ts";

/** Deeper than any use, and far from what overflows the stack of those who walk through it. */
const DEPTH_MAX = 64;

/** Where a request's texts come from, in the words of a validation problem. */
const PLACES = ["params", "querystring", "body"] as const;

/**
 * Refuses text that PostgreSQL can't hold (U+0000) or that is no Unicode text (half a surrogate pair) anywhere in a
 * request, and members nested too deep to be stored, once for all routes. Runs after validation, which bounds what there is to look at.
 */
export function refuseUnstorableText(app: FastifyInstance): void {
  app.addHook("preHandler", async (request: FastifyRequest) => {
    const values = { params: request.params, querystring: request.query, body: request.body };
    for (const place of PLACES) {
      const found = findUnstorable(values[place], "", 0);
      if (found === undefined) continue;
      const errors = [{ in: place, ...found }];
      throw new Problem("validation", { extensions: { errors } });
    }
  });
}

type Unstorable = { pointer: string; detail: string };

const UNSTORABLE_TEXT = "holds U+0000 or half a surrogate pair";
const TOO_DEEP = `is nested deeper than ${DEPTH_MAX} levels`;

/** The first text, or member with such a name, that can't be stored, or the first that lies too deep. */
function findUnstorable(value: unknown, pointer: string, depth: number): Unstorable | undefined {
  if (typeof value === "string") return isStorable(value) ? undefined : { pointer, detail: UNSTORABLE_TEXT };
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  if (depth >= DEPTH_MAX) return { pointer, detail: TOO_DEEP };
  for (const [name, part] of Object.entries(value)) {
    if (!isStorable(name)) return { pointer, detail: UNSTORABLE_TEXT };
    const found = findUnstorable(part, `${pointer}/${name}`, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
