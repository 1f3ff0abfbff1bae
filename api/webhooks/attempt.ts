import { type Dispatcher, request } from "undici";
import { parseRetryAfterMs } from "./schedule.ts";

/** Bytes of an answer that are read, and how much of its beginning is kept in the log. */
export const ANSWER_BYTES_MAX = 65_536;
export const ANSWER_CHARACTERS_KEPT = 1_000;
const DETAIL_CHARACTERS_MAX = 300;

/** How an attempt ended; a label of the metrics. */
export const OUTCOMES = [
  "delivered",
  "redirect",
  "gone",
  "client_error",
  "server_error",
  "timeout",
  "address_refused",
  "dns",
  "unreachable",
  "tls",
  "reset",
  "protocol",
  "event_missing",
  "interrupted",
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export type Attempt = {
  outcome: Outcome;
  /** The HTTP status; null where none came. */
  status: number | null;
  durationMs: number;
  detail: string | null;
  /** The beginning of the answer's body. */
  answer: string | null;
  /** What the receiver asks for, milliseconds from now. */
  retryAfterMs: number | null;
};

export type AttemptOptions = {
  dispatcher: Dispatcher;
  /** For the whole attempt: name, connection, request and answer. */
  timeoutMs: number;
  /** Aborted when this process ends. */
  signal: AbortSignal;
  nowMs: () => number;
};

/**
 * Posts a body once. Whatever goes wrong is an outcome, never an error. The status decides: the answer's body is only for
 * the log, and is left where it is too long or does not come.
 */
export async function attemptDelivery(
  url: string,
  message: { headers: Record<string, string>; body: string },
  { dispatcher, timeoutMs, signal, nowMs }: AttemptOptions,
): Promise<Attempt> {
  const startedMs = performance.now();
  const expired = AbortSignal.timeout(timeoutMs);
  const over = AbortSignal.any([signal, expired]);
  const ended = (part: Omit<Attempt, "durationMs">): Attempt => ({
    ...part,
    durationMs: Math.round(performance.now() - startedMs),
  });
  try {
    over.throwIfAborted();
    const requested = request(url, {
      ...{ method: "POST", ...message, dispatcher, signal: over },
      ...{ headersTimeout: timeoutMs, bodyTimeout: timeoutMs },
    });
    // The client looks at the signal when it is connected; a name server or a network may keep it from that.
    const { statusCode, headers, body } = await Promise.race([requested, endOf(over)]);
    const retryAfter = headers["retry-after"];
    const answer = await readAnswer(body);
    return ended({
      outcome: outcomeOfStatus(statusCode),
      status: statusCode,
      detail: answer.detail,
      answer: answer.text,
      retryAfterMs: typeof retryAfter === "string" ? parseRetryAfterMs(retryAfter, nowMs()) : null,
    });
  } catch (error) {
    const outcome = signal.aborted ? "interrupted" : expired.aborted ? "timeout" : outcomeOfError(error);
    const detail = outcome === "timeout" ? `no answer within ${timeoutMs / 1000} s` : messageOf(error);
    return ended({ outcome, status: null, detail, answer: null, retryAfterMs: null });
  }
}

function endOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

type AnswerBody = Dispatcher.ResponseData["body"];

async function readAnswer(body: AnswerBody): Promise<{ text: string; detail: string | null }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let detail: string | null = null;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < ANSWER_BYTES_MAX) continue;
      detail = `the answer was cut off at ${ANSWER_BYTES_MAX} bytes`;
      break;
    }
  } catch (error) {
    detail = `the answer's body did not come whole: ${messageOf(error)}`;
  }
  const text = Buffer.concat(chunks).toString("utf8").replaceAll("\0", "\ufffd");
  return { text: text.slice(0, ANSWER_CHARACTERS_KEPT).toWellFormed(), detail };
}

function outcomeOfStatus(status: number): Outcome {
  if (status === 410) return "gone";
  if (status < 300) return "delivered";
  if (status < 400) return "redirect";
  return status < 500 ? "client_error" : "server_error";
}

const OUTCOME_OF_CODE: readonly [pattern: RegExp, outcome: Outcome][] = [
  [/^address_refused$/, "address_refused"],
  [/^(ENOTFOUND|ENODATA|ESERVFAIL|EREFUSED|ETIMEOUT|ENONAME|EBADNAME|EBADRESP|EFORMERR|EAI_.*)$/, "dns"],
  [/^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT)$/, "timeout"],
  [/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, "unreachable"],
  [/CERT|^ERR_(TLS|SSL)|^EPROTO$|^UNABLE_TO_|SELF_SIGNED/, "tls"],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, "reset"],
];

function outcomeOfError(error: unknown): Outcome {
  if (error instanceof AggregateError && error.errors.length > 0) return outcomeOfError(error.errors[0]);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return OUTCOME_OF_CODE.find(([pattern]) => pattern.test(code))?.[1] ?? "protocol";
}

function messageOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error).slice(0, DETAIL_CHARACTERS_MAX);
}
