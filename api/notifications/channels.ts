import { createTransport } from "nodemailer";
import type { Message } from "./message.ts";

/** Sends a message; rejects where the other side did not take it. `id` is the same at every attempt. */
export type Send = (to: string, message: Message, id: string) => Promise<void>;

export type Channel = { send: Send; close(): void };

/** Refused for good: another attempt would get the same answer. */
export class RefusedMessageError extends Error {
  readonly code = "message_refused";
}

const TIMEOUT_MS = 15_000;
const SMTP_PERMANENT = 500;

/** Mail by SMTP (`smtp://user:password@host:port`, `smtps://…`). The message id is ours, so that a repeated mail is one. */
export function openEmail({ url, from }: { url: string; from: string }): Channel {
  const timeouts = { connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS };
  const transport = createTransport({ url, ...timeouts });
  const domain = from.slice(from.lastIndexOf("@") + 1).replace(/>$/, "");
  return {
    send: async (to, { subject, text, html }, id) => {
      try {
        await transport.sendMail({ from, to, subject, text, html, messageId: `<${id}@${domain}>` });
      } catch (error) {
        const { responseCode } = error as { responseCode?: number };
        if (responseCode !== undefined && responseCode >= SMTP_PERMANENT)
          throw new RefusedMessageError(`SMTP ${responseCode}`, { cause: error });
        throw error;
      }
    },
    close: () => transport.close(),
  };
}

/** Text messages by a provider's gateway: `POST {"id", "to", "text"}`, any 2xx is taken; `Idempotency-Key` is the id. */
export function openSms({ url, token }: { url: string; token: string | undefined }): Channel {
  const closing = new AbortController();
  return {
    send: async (to, { short }, id) => {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "idempotency-key": id,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ id, to, text: short }),
        redirect: "error",
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      if (response.ok) return;
      const isTemporary = response.status >= 500 || response.status === 408 || response.status === 429;
      if (isTemporary) throw new Error(`HTTP ${response.status}`);
      throw new RefusedMessageError(`HTTP ${response.status}`);
    },
    close: () => closing.abort(),
  };
}
