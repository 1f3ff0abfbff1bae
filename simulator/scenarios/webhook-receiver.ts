import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook } from "standardwebhooks";

export type WebhookReceiverOptions = {
  /** Time before each answer. */
  delayMs: number;
  /** Share of the requests that are answered 500. */
  failingShare: number;
  /** In [0, 1). */
  random: () => number;
};

/** Where a fleet's own system would take events: verifies each, answers as it pleases, and remembers what it took. */
export type WebhookReceiver = {
  url: string;
  /** The endpoint's secret, known once the endpoint was made. */
  secret: string;
  readonly requests: () => number;
  /** Requests whose signature the standard library refused. */
  readonly unsigned: () => number;
  /** Ids of the events taken (answered 2xx). */
  readonly taken: () => ReadonlySet<string>;
  /** Events taken more than once. */
  readonly repeated: () => number;
  /** Events that were taken after a later one of their stop. */
  readonly outOfOrder: () => number;
  close(): Promise<void>;
};

/** Fewer than a schedule has attempts: whoever fails at random takes every event in the end, with whatever luck. */
const FAILURES_OF_EVENT_MAX = 12;

type Posted = { id: string; data: { stopId: string; n: number } };

export async function openWebhookReceiver({
  delayMs,
  failingShare,
  random,
}: WebhookReceiverOptions): Promise<WebhookReceiver> {
  const taken = new Set<string>();
  /** For each stop the number of the newest event taken. */
  const newest = new Map<string, number>();
  const failuresOf = new Map<string, number>();
  const counts = { requests: 0, unsigned: 0, repeated: 0, outOfOrder: 0 };

  const take = ({ id, data }: Posted) => {
    if (taken.has(id)) counts.repeated += 1;
    taken.add(id);
    const before = newest.get(data.stopId) ?? -1;
    if (data.n < before) counts.outOfOrder += 1;
    newest.set(data.stopId, Math.max(before, data.n));
  };

  const failsAgain = (eventId: string): boolean => {
    const failures = failuresOf.get(eventId) ?? 0;
    const fails = random() < failingShare && failures < FAILURES_OF_EVENT_MAX;
    if (fails) failuresOf.set(eventId, failures + 1);
    return fails;
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => void answer(Buffer.concat(chunks).toString("utf8")));
    const answer = async (body: string) => {
      counts.requests += 1;
      const posted = verified(body, request.headers as Record<string, string>);
      if (delayMs > 0) await sleep(delayMs);
      const fails = posted === undefined || failsAgain(posted.id);
      // Taken when it is answered, whether or not the sender lives to hear it.
      if (!fails) take(posted);
      response.writeHead(fails ? 500 : 204).end();
    };
  });
  const verified = (body: string, headers: Record<string, string>): Posted | undefined => {
    try {
      return new Webhook(receiver.secret).verify(body, headers) as Posted;
    } catch {
      counts.unsigned += 1;
      return undefined;
    }
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    secret: "",
    requests: () => counts.requests,
    unsigned: () => counts.unsigned,
    taken: () => taken,
    repeated: () => counts.repeated,
    outOfOrder: () => counts.outOfOrder,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return receiver;
}
