import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";

const SECRET_BYTES = 32;

/** A new signing secret: Standard Webhooks, `whsec_` and base64 of 32 random bytes. */
export function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString("base64")}`;
}

/** The three headers of a message; one signature for each secret, so that a receiver may know either. */
export function signatureHeaders(
  message: { id: string; body: string; secrets: readonly string[] },
  nowMs: number,
): Record<string, string> {
  const { id, body, secrets } = message;
  const at = new Date(nowMs);
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(nowMs / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}
