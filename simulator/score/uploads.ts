import { between, type Random } from "../random.ts";

/** What of one report the way to the gateway needs to know. */
export type Timed = { timeMs: number };
export type Upload<Report> = { receivedAtMs: number; reports: Report[] };

const OUTAGES_PER_S = 1 / 1_200;
const OUTAGE_S = [60, 600] as const;
const RECORDS_PER_UPLOAD = 25;
const DELAY_MS = 1_000;

/**
 * The uploads of a device in the order in which they come: one report each while it is online. What an outage held back comes
 * afterwards in batches among the live reports, for half of the outages the newest batch first.
 */
export function uploadsOf<Report extends Timed>(reports: readonly Report[], random: Random): Upload<Report>[] {
  const uploads: Upload<Report>[] = [];
  let waiting: Report[][] = [];
  let held: Report[] = [];
  let offlineUntilMs = 0;
  let beforeMs = reports[0]?.timeMs ?? 0;
  for (const report of reports) {
    const dtS = (report.timeMs - beforeMs) / 1000;
    beforeMs = report.timeMs;
    if (report.timeMs >= offlineUntilMs && random() < 1 - (1 - OUTAGES_PER_S) ** dtS)
      offlineUntilMs = report.timeMs + between(random, ...OUTAGE_S) * 1000;
    if (report.timeMs < offlineUntilMs) {
      held.push(report);
      continue;
    }
    if (held.length > 0) {
      const batches = batchesOf(held);
      waiting = [...waiting, ...(random() < 0.5 ? batches : batches.reverse())];
      held = [];
    }
    uploads.push({ receivedAtMs: report.timeMs + DELAY_MS, reports: [report] });
    const batch = waiting.shift();
    if (batch !== undefined) uploads.push({ receivedAtMs: report.timeMs + DELAY_MS, reports: batch });
  }
  const endMs = beforeMs + between(random, ...OUTAGE_S) * 1000;
  for (const batch of [...waiting, ...batchesOf(held)]) uploads.push({ receivedAtMs: endMs, reports: batch });
  return uploads;
}

function batchesOf<Report>(reports: readonly Report[]): Report[][] {
  return Array.from({ length: Math.ceil(reports.length / RECORDS_PER_UPLOAD) }, (_, batch) =>
    reports.slice(batch * RECORDS_PER_UPLOAD, (batch + 1) * RECORDS_PER_UPLOAD),
  );
}
