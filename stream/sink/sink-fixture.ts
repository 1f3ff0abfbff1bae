import { pino } from "pino";
import { type Database, openDatabase } from "#store/database.ts";
import { openTestDatabase } from "#store/testing.ts";
import { type FixSink, type FixSinkDeps, openFixSink } from "./fix-sink.ts";
import { openInfluxWriter } from "./influx-writer.ts";
import { newSinkTally } from "./sink-metrics.ts";

/** Test support: a database with fixes, and sinks that send them. */

const SETTLE_MS_MAX = 50_000;
export const SINK_START_MS = Date.UTC(2026, 10, 1);

export type SinkFixture = Awaited<ReturnType<typeof openSinkFixture>>;

export async function openSinkFixture() {
  const server = await openTestDatabase();
  const database = await openDatabase({ url: server.url, applicationName: "sink test" });
  const sinks = new Set<{ close(): Promise<void> }>();
  const tally = newSinkTally();
  const logged: { level: number; msg: string }[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  await database.pool.query("insert into device (fleet_id, uid) select 1, 'device ' || n from generate_series(1, 3) n");
  let stored = 0;

  /** Stores fixes of all devices in one transaction; returns the ids of all fixes there are. */
  async function storeFixes(count: number, attributes: object = { ignition: true }): Promise<string[]> {
    await database.pool.query(
      `insert into fix (fix_id, device_id, fix_time, fingerprint, received_at, stored_at, commit_xid, kind, protocol,
         valid, late, buffered, lat_deg, lon_deg, attributes)
       select n * 1024, 1 + n % 3, $3::timestamptz + n * interval '1 second', n, $3, now(),
         pg_current_xact_id()::text::bigint, 'fix', 'teltonika', true, false, false, 41.5, -8.25, $4
       from generate_series($1::bigint, $2::bigint) n`,
      [stored + 1, stored + count, new Date(SINK_START_MS), attributes],
    );
    stored += count;
    return Array.from({ length: stored }, (_, n) => String((n + 1) * 1024));
  }

  function start(url: string, settings: Partial<FixSinkDeps> & { requestMsMax?: number } = {}): FixSink {
    const { requestMsMax, ...deps } = settings;
    const writer = openInfluxWriter({ url, token: "secret", org: "o g", bucket: "b&b" }, requestMsMax);
    const sink = openFixSink({
      ...{ database, tally, log, write: writer.write, retentionDays: 60, now: Date.now },
      ...{ fixesPerPage: 50, pollMs: 20, retryMsMin: 10 },
      ...deps,
    });
    const opened = {
      close: async () => {
        sinks.delete(opened);
        await sink.close();
        await writer.close();
      },
    };
    sinks.add(opened);
    return opened;
  }

  async function close(): Promise<void> {
    for (const sink of sinks) await sink.close();
    await database.close();
    await server.close();
  }

  return { url: server.url, database, tally, log, logged, storeFixes, start, close };
}

/** Waits until `check` holds. */
export async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_MS_MAX;
  while (!(await check())) {
    if (Date.now() > deadlineMs) throw new Error("the sink did not get there");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The cursor as the database keeps it. */
export async function cursorOf(database: Database): Promise<{ xid: string; id: string } | undefined> {
  const { rows } = await database.pool.query("select commit_xid::text as xid, fix_id::text as id from sink_cursor");
  return rows[0];
}
