import { Type } from "typebox";
import { Problem } from "./problems.ts";

/** Days of one report: what it reads is bounded by it. */
const DAYS_MAX = 366;
const DAYS_DEFAULT = 7;
const DAY_MS = 86_400_000;

/** The days that a report is about, in its query. */
export const ReportDays = {
  from: Type.Optional(
    Type.String({
      format: "date",
      description: `First day, by the fleet's calendar; ${DAYS_DEFAULT} days unless told`,
    }),
  ),
  to: Type.Optional(
    Type.String({ format: "date", description: `Last day, included; at most ${DAYS_MAX} days. Today unless told` }),
  ),
};

/** The first and the last day of a report, both included. Throws `validation` for none and for too many days. */
export function reportDays(query: { from?: string; to?: string }, nowMs: number): { from: string; to: string } {
  const { to = dayOf(nowMs) } = query;
  const { from = dayOf(Date.parse(to) - (DAYS_DEFAULT - 1) * DAY_MS) } = query;
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  if (days >= 1 && days <= DAYS_MAX) return { from, to };
  const detail = `not between the first day and ${DAYS_MAX} days from it`;
  throw new Problem("validation", { extensions: { errors: [{ in: "querystring", pointer: "/to", detail }] } });
}

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10);
