import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

export type ReceivedEvent = {
  id: string;
  type: string;
  occurredAt: string;
  replayed: boolean;
  data: Record<string, unknown>;
};

export type WebhookReceiver = {
  url: string;
  /** What the endpoint was told when it was made; nothing is believed before. */
  trust(secret: string): void;
  close(): Promise<void>;
};

/** Somebody else's system, as its author would write it: takes events, and believes only what is signed. */
export async function openWebhookReceiver(onEvent: (event: ReceivedEvent) => void): Promise<WebhookReceiver> {
  let webhook: Webhook | undefined;
  const known = new Set<string>();
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      try {
        if (webhook === undefined) throw new WebhookVerificationError("no secret yet");
        const event = webhook.verify(body, request.headers as Record<string, string>) as ReceivedEvent;
        response.writeHead(204).end();
        // At least once is what webhooks promise: the second is known by its id.
        if (!known.has(event.id)) onEvent(event);
        known.add(event.id);
      } catch (error) {
        if (!(error instanceof WebhookVerificationError)) throw error;
        response.writeHead(401).end();
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    trust: (secret) => {
      webhook = new Webhook(secret);
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
