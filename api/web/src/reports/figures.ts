import type { EtaAccuracy } from "./report-json.ts";

const PERCENT = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** What stands where there was nothing to count. */
export const NOTHING = "–";

export const percentWords = (share: number | null): string => (share === null ? NOTHING : PERCENT.format(share));
export const numberWords = (value: number | null): string => (value === null ? NOTHING : NUMBER.format(value));
export const minutesWords = (minutes: number): string => `${NUMBER.format(minutes)} min`;

/** `0–15 min ahead`; the last horizon has no end. */
export function horizonWords({ fromMinutes, toMinutes, group }: EtaAccuracy): string {
  if (fromMinutes === null) return group;
  return toMinutes === null ? `over ${fromMinutes} min ahead` : `${fromMinutes}–${toMinutes} min ahead`;
}

/** `2026-11-22` moved by whole days. */
export function dayMoved(day: string, days: number): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
}
