import type { FastifyBaseLogger } from "fastify";
import { Counter, type Registry } from "prom-client";
import type { Database } from "#store/database.ts";
import {
  type LeasedMessage,
  leaseMessages,
  type MessageOutcome,
  type NotificationChannel,
  planNotifications,
  settleMessage,
} from "#store/notifications.ts";
import { readTrackedStops } from "#store/tracked-stops.ts";
import { linkOfMessage } from "#store/tracking-links.ts";
import { pause } from "#stream/pause.ts";
import { linkEndMs } from "../tracking/link-window.ts";
import { Bell } from "../webhooks/bell.ts";
import { type Channel, RefusedMessageError } from "./channels.ts";
import { dueNotifications } from "./due.ts";
import { messageOf } from "./message.ts";
import { isQuiet } from "./quiet-hours.ts";

export type NotifierDeps = {
  database: Database;
  /** Calls `listener` whenever the store says that something was committed; returns the way to stop that. */
  onStored: (listener: () => void) => () => void;
  /** A channel that is not set up sends nothing: its messages say so. */
  channels: { readonly [channel in NotificationChannel]?: Channel | undefined };
  /** For links to tracking pages; without it messages have none. */
  publicUrl: string | undefined;
  registry: Registry;
  logger: FastifyBaseLogger;
  /** Unix milliseconds. */
  now: () => number;
  /** Between two rounds, as news comes in crowds; `PAUSE_MS` unless told. */
  pauseMs?: number;
};

/** The pause after each attempt that failed; as many attempts as there are pauses, and one. */
const RETRY_DELAYS_MS = [30_000, 120_000, 600_000, 1_800_000, 7_200_000];
/** Longer than any attempt takes. */
const LEASE_MS = 60_000;
const MESSAGES_AT_ONCE = 10;
/** Minutes pass without an event: thresholds are looked at this often. */
const POLL_MS = 10_000;
const PAUSE_MS = 1_000;

/**
 * Tells the people who wait what their brand wants them told: looks for what is due (one process at a time), and sends
 * the messages (any number of processes, each message by one). The sending never holds up the planning.
 */
export function openNotifier(deps: NotifierDeps): { close(): Promise<void> } {
  const bells = [new Bell(), new Bell()];
  const ring = () => {
    for (const bell of bells) bell.ring();
  };
  const closing = new AbortController();
  const stopListening = deps.onStored(ring);
  const messages = new Counter({
    name: "notification_messages_total",
    help: "Messages to people who wait, by channel and by how an attempt ended",
    labelNames: ["channel", "outcome"] as const,
    registers: [deps.registry],
  });
  const repeat = async (bell: Bell, round: () => Promise<boolean | undefined>) => {
    while (!closing.signal.aborted) {
      let hasMore: boolean | undefined = false;
      try {
        hasMore = await round();
      } catch (error) {
        deps.logger.warn({ err: error }, "notifications have to wait");
      }
      if (!hasMore) await bell.wait(POLL_MS);
      if (!hasMore && !closing.signal.aborted) await pause(deps.pauseMs ?? PAUSE_MS, closing.signal);
    }
  };
  const plan = async () => {
    const nowMs = deps.now();
    const hasMore = await planNotifications(deps.database, { nowMs, judge: (news) => dueNotifications(news, nowMs) });
    bells[1]!.ring();
    return hasMore;
  };
  const running = Promise.all([
    repeat(bells[0]!, plan),
    repeat(bells[1]!, () => sendDue(deps, (channel, outcome) => messages.inc({ channel, outcome }))),
  ]);
  return {
    close: async () => {
      stopListening();
      closing.abort();
      ring();
      await running;
      for (const channel of Object.values(deps.channels)) channel?.close();
    },
  };
}

/** Sends what is due; true when there may be more. */
async function sendDue(deps: NotifierDeps, count: (channel: string, outcome: string) => void): Promise<boolean> {
  const nowMs = deps.now();
  const leased = await leaseMessages(deps.database, { nowMs, leaseMs: LEASE_MS, limit: MESSAGES_AT_ONCE });
  await Promise.all(
    leased.map(async (message) => {
      const outcome = await attempt(deps, message);
      count(message.channel, outcome.state);
      await settleMessage(deps.database, message.messageId, outcome, deps.now());
    }),
  );
  return leased.length === MESSAGES_AT_ONCE;
}

async function attempt(deps: NotifierDeps, message: LeasedMessage): Promise<MessageOutcome> {
  const nowMs = deps.now();
  const { channel, contact, trigger, threshold, attempts } = message;
  const transport = deps.channels[channel];
  const to = channel === "email" ? contact.email : contact.phone;
  if (!message.awaited) return { state: "skipped", reason: "not_awaited" };
  if (transport === undefined) return { state: "skipped", reason: "no_channel" };
  if (to === undefined) return { state: "skipped", reason: "no_address" };
  if (message.expiresAt.getTime() <= nowMs) return { state: "skipped", reason: "too_late" };
  try {
    const [stop] = await readTrackedStops(deps.database, [message.stopId]);
    if (stop === undefined) return { state: "skipped", reason: "too_late" };
    if (isQuiet(message.quietHours, stop.timeZone, nowMs)) return { state: "skipped", reason: "quiet_hours" };
    const url = await linkFor(deps, message, nowMs);
    const words = messageOf({ trigger, threshold, locale: contact.locale, stop, url, nowMs });
    await transport.send(to, words, `notification-${message.messageId}`);
    return { state: "sent" };
  } catch (error) {
    // What the other side said may repeat the address: the log says which message, the table says what happened.
    deps.logger.debug({ err: error, messageId: message.messageId }, "message was not taken");
    const reason = reasonOf(error);
    const delayMs = RETRY_DELAYS_MS[attempts - 1];
    const nextAtMs = nowMs + (delayMs ?? 0);
    const isOver = error instanceof RefusedMessageError || delayMs === undefined;
    if (isOver || nextAtMs >= message.expiresAt.getTime()) return { state: "failed", reason };
    return { state: "waiting", reason, nextAtMs };
  }
}

/** A link of its own for each message, the same for every attempt to send it. */
async function linkFor(
  { database, publicUrl }: NotifierDeps,
  { messageId, stopId }: LeasedMessage,
  nowMs: number,
): Promise<string | undefined> {
  if (publicUrl === undefined) return undefined;
  const expiresAt = new Date(linkEndMs(nowMs, null, null));
  const made = await linkOfMessage(database, { stopId, visibility: {}, notBefore: null, expiresAt }, messageId);
  return made.kind === "made" ? `${publicUrl}/t/${made.token}` : undefined;
}

const REASON_CHARACTERS_MAX = 200;

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = error instanceof RefusedMessageError ? error.message : String(code ?? message);
  return text.slice(0, REASON_CHARACTERS_MAX);
}
