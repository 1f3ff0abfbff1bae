import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { Database } from "#store/database.ts";
import { answerOnce, findAnswer, type IdempotentRequest, type KeptAnswer } from "#store/idempotency.ts";
import { Problem } from "./problems.ts";

/**
 * `Idempotency-Key` for routes whose config says `idempotent` and whose handlers work inside `once`: what was made is
 * answered again for a day, without being made again. The answer is kept in the transaction of what it tells of. Only
 * answers of success are kept; after any other nothing was made, and the same key may try again.
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
const KEPT_HEADERS = ["content-type", "location", "etag", "cache-control"] as const;
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
    const known = await findAnswer(database, held);
    switch (known.kind) {
      case "new":
        request.idempotent = { request: held, key };
        return;
      case "reused":
        throw new Problem("idempotency_key_reused");
      case "answered":
        return repeat(reply, key, known);
    }
  });
}

/**
 * Does what the handler makes, once under the request's key if it has one. `work` must do all of it through `inside`, and
 * set status and headers before it gives the body; what takes long (other services) belongs before it.
 */
export async function once<Body, Reply extends FastifyReply>(
  database: Database,
  request: FastifyRequest,
  reply: Reply,
  work: (inside: Database) => Promise<Body>,
): Promise<Body | Reply> {
  if (request.idempotent === null) return work(database);
  const { request: held, key } = request.idempotent;
  let payload = "";
  const done = await answerOnce(database, held, async (inside) => {
    const body = await work(inside);
    reply.header("content-type", "application/json; charset=utf-8");
    payload = reply.serialize(body) as string;
    return { status: reply.statusCode, answer: seal(key, answerOf(reply, payload)) };
  });
  switch (done.kind) {
    case "done":
      return sendText(reply, payload);
    case "in_flight":
      throw new Problem("idempotency_in_flight", { headers: { "retry-after": "1" } });
    case "reused":
      throw new Problem("idempotency_key_reused");
    case "answered":
      return repeat(reply, key, done);
  }
}

function answerOf(reply: FastifyReply, payload: string): string {
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

function repeat<Reply extends FastifyReply>(reply: Reply, key: string, { status, answer }: KeptAnswer): Reply {
  const { headers, payload } = JSON.parse(open(key, answer)) as { headers: Record<string, string>; payload: string };
  reply.code(status).headers({ ...headers, "idempotent-replayed": "true" });
  return sendText(reply, payload);
}

function sendText<Reply extends FastifyReply>(reply: Reply, payload: string): Reply {
  reply.serializer((text: unknown) => text as string).send(payload);
  return reply;
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
