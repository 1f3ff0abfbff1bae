import { type Static, type TSchema, Type } from "typebox";
import { PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, UID_CHARACTERS_MAX } from "./limits.ts";
import { Problem } from "./problems.ts";

/** Pieces that the schemas of several resources are made of. */

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** A schema that stands in the document's components under its `$id`. */
export const Ref = <T extends TSchema & { $id: string }>(schema: T) =>
  Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });

export const named = <T extends TSchema>($id: string, schema: T): T & { $id: string } => Object.assign(schema, { $id });

/** RFC 3339, UTC, milliseconds. */
export const Time = Type.String({ format: "date-time", description: "RFC 3339, UTC, milliseconds" });
export const Degrees = (max: number) => Type.Number({ minimum: -max, maximum: max, description: "WGS 84, degrees" });

/** Dotted names; values in the unit that the attribute table documents. */
export const Attributes = Type.Unsafe<Record<string, unknown>>({
  type: "object",
  additionalProperties: true,
  description: "Dotted names; unknown elements as io.<id>",
});

export const PageQuery = Type.Object({
  after: Type.Optional(Type.String({ minLength: 1, description: "next_cursor of the page before" })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: PAGE_ROWS_MAX, description: `Rows a page; ${PAGE_ROWS_DEFAULT} unless told` }),
  ),
});

export const Page = <T extends TSchema & { $id: string }>(item: T) =>
  Type.Object({
    data: Type.Array(Ref(item)),
    next_cursor: Nullable(Type.String({ description: "Give as `after` to go on" })),
    has_more: Type.Boolean(),
  });

export const FeedPage = <T extends TSchema & { $id: string }>(item: T) =>
  Type.Object({
    data: Type.Array(Ref(item)),
    next_cursor: Type.String({ description: "Give as `after` to go on, now or later; honoured for 30 days" }),
    has_more: Type.Boolean(),
    poll_after_ms: Type.Integer({ description: "When to ask again, milliseconds" }),
  });

export const UidParams = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: UID_CHARACTERS_MAX,
    description: "uid of the device (IMEI of a tracker, user/device of OwnTracks), URL-escaped",
  }),
});

export const timeText = (time: Date): string => time.toISOString();
export const timeTextOrNull = (time: Date | null): string | null => (time === null ? null : time.toISOString());

/** Unix milliseconds of a `Time`. A leap second passes the schema and is no time of ours: `validation`. */
export function parseTimeMs(text: string, where: "body" | "querystring", pointer: string): number {
  const timeMs = Date.parse(text);
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new Problem("validation", {
    extensions: { errors: [{ in: where, pointer, detail: "no time of the calendar" }] },
  });
}

/** One page out of `limit + 1` rows: the row too many says that there is more. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  cursor: (last: Row) => string,
): { data: Item[]; next_cursor: string | null; has_more: boolean } {
  const page = rows.slice(0, limit);
  const hasMore = rows.length > limit;
  return { data: page.map(item), next_cursor: hasMore ? cursor(page.at(-1)!) : null, has_more: hasMore };
}
