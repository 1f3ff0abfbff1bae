import type { FastifyInstance, FastifyRequest } from "fastify";
import { Problem } from "./problems.ts";

/** Where a request's texts come from, in the words of a validation problem. */
const PLACES = ["params", "querystring", "body"] as const;

/**
 * Refuses text that PostgreSQL can't hold (U+0000) or that is no Unicode text (half a surrogate pair) anywhere in a
 * request, once for all routes. Runs after validation, which bounds what there is to look at.
 */
export function refuseUnstorableText(app: FastifyInstance): void {
  app.addHook("preHandler", async (request: FastifyRequest) => {
    const values = { params: request.params, querystring: request.query, body: request.body };
    for (const place of PLACES) {
      const pointer = findUnstorable(values[place], "");
      if (pointer === undefined) continue;
      const errors = [{ in: place, pointer, detail: "holds U+0000 or half a surrogate pair" }];
      throw new Problem("validation", { extensions: { errors } });
    }
  });
}

/** JSON pointer of the first text, or name of a member, that can't be stored. */
function findUnstorable(value: unknown, pointer: string): string | undefined {
  if (typeof value === "string") return isStorable(value) ? undefined : pointer;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  for (const [name, part] of Object.entries(value)) {
    if (!isStorable(name)) return pointer;
    const found = findUnstorable(part, `${pointer}/${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
