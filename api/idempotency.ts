import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Database } from "#store/database.ts";
import { beginIdempotent, type IdempotentRequest, keepAnswer, releaseKey } from "#store/idempotency.ts";
import { Problem } from "./problems.ts";

/**
 * `Idempotency-Key` for routes whose config says `idempotent`: what was made is answered again for a day, without being
 * made again. Only answers of success are kept; after any other nothing was made, and the same key may try again.
 *
 * An answer may hold secrets that are shown once, and what people are called: it is sealed with the key, of which the
 * store has the SHA-256 alone.
 */

declare module "fastify" {
  interface FastifyContextConfig {
    /** A request with an `Idempotency-Key` is done once. */
    idempotent?: boolean;
  }
  interface FastifyRequest {
    idempotent: { request: IdempotentRequest; key: string } | null;
  }
}

const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;
/** What is repeated of the first answer's headers. */
const KEPT_HEADERS = ["content-type", "location", "etag"] as const;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const HEADERS = Type.Object({
  "idempotency-key": Type.Optional(
    Type.String({ description: "A random text, new for every thing to be made: the same again is not made twice" }),
  ),
});

export function keepAnswers(app: FastifyInstance, database: Database): void {
  app.decorateRequest("idempotent", null);
  app.addHook("onRoute", (route) => {
    if (route.config?.idempotent !== true || route.schema === undefined) return;
    const own = route.schema.headers as { properties?: object } | undefined;
    route.schema = {
      ...route.schema,
      headers: Type.Object({ ...own?.properties, ...HEADERS.properties }),
    };
  });

  app.addHook("preHandler", async (request, reply) => {
    const key = request.headers["idempotency-key"];
    if (request.routeOptions.config.idempotent !== true || key === undefined) return;
    if (typeof key !== "string" || !KEY_PATTERN.test(key)) {
      throw new Problem("idempotency_key_malformed", { detail: "1 to 255 visible ASCII characters." });
    }
    const held = heldRequest(request, key);
    const begun = await beginIdempotent(database, held);
    switch (begun.kind) {
      case "begun":
        request.idempotent = { request: held, key };
        return;
      case "in_flight":
        throw new Problem("idempotency_in_flight", { headers: { "retry-after": "1" } });
      case "reused":
        throw new Problem("idempotency_key_reused");
      case "answered":
        return repeat(reply, begun.status, open(key, begun.answer));
    }
  });

  app.addHook("onSend", async (request, reply, payload: unknown) => {
    if (request.idempotent === null) return payload;
    const { request: held, key } = request.idempotent;
    request.idempotent = null;
    const isKept =
      reply.statusCode >= 200 && reply.statusCode < 300 && (typeof payload === "string" || payload == null);
    try {
      if (isKept) await keepAnswer(database, held, reply.statusCode, seal(key, answerOf(reply, payload ?? null)));
      else await releaseKey(database, held);
    } catch (error) {
      // What was made is made: to say otherwise would have it made again.
      request.log.warn({ err: error }, "an answer is not kept for its Idempotency-Key");
    }
    return payload;
  });
}

function answerOf(reply: FastifyReply, payload: string | null): string {
  const headers = Object.fromEntries(KEPT_HEADERS.map((name) => [name, reply.getHeader(name)]));
  return JSON.stringify({ headers, payload });
}

/** The same request: of this key's fleet, to this URL, with this body. */
function heldRequest({ principal, method, url, body }: FastifyRequest, key: string): IdempotentRequest {
  const requestHash = createHash("sha256")
    .update(JSON.stringify([method, url, body ?? null]))
    .digest();
  return { fleetId: principal.fleetId ?? 0, keyHash: createHash("sha256").update(key).digest(), requestHash };
}

function repeat(reply: FastifyReply, status: number, kept: string): FastifyReply {
  const { headers, payload } = JSON.parse(kept) as { headers: Record<string, string>; payload: string | null };
  return reply
    .code(status)
    .headers({ ...headers, "idempotent-replayed": "true" })
    .serializer((text: unknown) => text as string)
    .send(payload);
}

/** AES-256-GCM: nonce, tag, cipher text. */
function seal(key: string, text: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(key), nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

function open(key: string, sealed: Buffer): string {
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(key), sealed.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
}

function sealingKey(key: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", "idempotency answer", 32));
}
