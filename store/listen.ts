import pg from "pg";
import { connectionSettings } from "./database.ts";

export type ListenOptions = { log?: (line: string) => void };

const RETRY_DELAY_MS = 100;
const RETRY_DELAY_MAX_MS = 5_000;
/** A connection that only listens would not notice that its server has vanished: it asks now and then. */
const PROBE_INTERVAL_MS = 15_000;
const PROBE_PATIENCE_MS = 10_000;

/**
 * Hears notifications of the given channels on a connection of its own, for good: a lost connection is replaced, and then
 * every handler is called once with an empty payload, for something may have been missed. Resolves when it first listens;
 * rejects when the server is away at the start. Handlers must not throw.
 */
export async function listen(
  url: string,
  channels: Readonly<Record<string, (payload: string) => void>>,
  options: ListenOptions = {},
): Promise<{ close(): Promise<void> }> {
  const log = options.log ?? (() => undefined);
  let closed = false;
  let client = await connect(url, channels, reconnect);
  let retry: NodeJS.Timeout | undefined;

  function reconnect(delayMs = RETRY_DELAY_MS): void {
    if (closed) return;
    log("lost the connection that listens, connecting again");
    retry = setTimeout(() => void attempt(Math.min(delayMs * 2, RETRY_DELAY_MAX_MS)), delayMs);
  }

  async function attempt(nextDelayMs: number): Promise<void> {
    try {
      const fresh = await connect(url, channels, reconnect);
      if (closed) return await fresh.end();
      client = fresh;
      for (const handle of Object.values(channels)) handle("");
    } catch (error) {
      log(`can't listen: ${String(error)}`);
      reconnect(nextDelayMs);
    }
  }

  return {
    close: async () => {
      closed = true;
      clearTimeout(retry);
      await client.end();
    },
  };
}

type Listening = { end(): Promise<void> };

async function connect(
  url: string,
  channels: Readonly<Record<string, (payload: string) => void>>,
  lost: () => void,
): Promise<Listening> {
  const client = new pg.Client({ ...connectionSettings(url, "listen"), query_timeout: PROBE_PATIENCE_MS });
  let over = false;
  let probe: NodeJS.Timeout | undefined;
  const end = async () => {
    over = true;
    clearInterval(probe);
    await client.end();
  };
  const fail = () => {
    if (over) return;
    // Ending a connection that is lost can wait for an answer that never comes; nothing depends on it.
    void end().catch(() => undefined);
    if (probe !== undefined) lost();
  };
  client.on("error", fail);
  client.on("end", fail);
  client.on("notification", ({ channel, payload }) => channels[channel]?.(payload ?? ""));
  try {
    await client.connect();
    for (const channel of Object.keys(channels)) await client.query(`listen ${client.escapeIdentifier(channel)}`);
  } catch (error) {
    await end();
    throw error;
  }
  if (over) throw new Error("the connection was lost as it began");
  probe = setInterval(() => void client.query("select 1").catch(fail), PROBE_INTERVAL_MS);
  return { end };
}
