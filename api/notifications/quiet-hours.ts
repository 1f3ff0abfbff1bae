import { knownZone } from "../tracking/page/times.ts";

export type QuietHours = { from: string; to: string };

/** Whether nothing is to be sent now: `from` included, `to` not, over midnight where `from` is later. Clock times of the zone. */
export function isQuiet(hours: QuietHours | null, timeZone: string, nowMs: number): boolean {
  if (hours === null || hours.from === hours.to) return false;
  const shown = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: knownZone(timeZone) } as const;
  const clock = new Intl.DateTimeFormat("en-GB", shown).format(nowMs);
  return hours.from < hours.to ? clock >= hours.from && clock < hours.to : clock >= hours.from || clock < hours.to;
}
