import type { IncomingMessage, ServerResponse } from "node:http";
import { answerOf } from "#decoders/answer-of.ts";
import type { NewFrame } from "#store/journal.ts";
import { JournalFrameError, JournalFullError } from "#store/journal-errors.ts";
import type { KnownDevice } from "../gateway-deps.ts";
import { HTTP_COMMIT_TIMEOUT_MS, HTTP_PATH_CHARACTERS_MAX, HTTP_RETRY_AFTER_S, PAYLOAD_BYTES_MAX } from "../maxima.ts";
import { passwordHashOf } from "../password-checks.ts";
import type { HttpContext } from "./http-context.ts";
import { isUserOf, type PhoneRequest, readPhoneRequest } from "./phone-request.ts";

export type HttpAnswer = { status: number; body?: Uint8Array };

/**
 * One request of a phone, from its head to its answer:
 *
 *     head ──▶ body ──▶ device, password ──▶ journal ──▶ 200
 *      │414, 405  │413, 408    │400 not understood or no id, 404 unknown, 401 not proved
 *      │                       │503 directory or journal away, journal full: with Retry-After
 *
 * The first answer counts; what is committed after a 503 is sent again by the phone and recognised.
 */
export class HttpExchange {
  readonly #context: HttpContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #remoteAddress: string;
  readonly #begunAtMs: number;
  #hasBody = false;
  #isAnswered = false;

  constructor(context: HttpContext, request: IncomingMessage, response: ServerResponse, remoteAddress: string) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#remoteAddress = remoteAddress;
    this.#begunAtMs = context.monotonicMs();
  }

  /** Milliseconds that the body has been awaited; 0 once it is there. */
  slowMs(monotonicMs: number): number {
    return this.#hasBody || this.#isAnswered ? 0 : monotonicMs - this.#begunAtMs;
  }

  /** Resolves when the request is answered. */
  async run(): Promise<void> {
    const refusal = this.#refusalOfHead();
    if (refusal !== undefined) {
      this.answer({ status: refusal });
      return;
    }
    const body = await readBody(this.#request);
    if (body === "gone") this.#isAnswered = true;
    else if (body === "tooLarge") this.answer({ status: 413 });
    else {
      this.#hasBody = true;
      await this.#handle(readPhoneRequest(this.#request, body));
    }
  }

  answer({ status, body = new Uint8Array(0) }: HttpAnswer): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    const { tally, isDraining } = this.#context;
    if (status >= 400 && status < 500) tally.refusals.request += 1;
    const headers: Record<string, string | number> = { "content-length": body.length };
    if (status === 503) headers["retry-after"] = HTTP_RETRY_AFTER_S;
    if (status === 401) headers["www-authenticate"] = 'Basic realm="device"';
    if (body.length > 0) headers["content-type"] = "application/json";
    if (!this.#hasBody || isDraining()) headers.connection = "close";
    this.#response.writeHead(status, headers);
    this.#response.end(body);
    tally.bytesSent += body.length;
  }

  #refusalOfHead(): number | undefined {
    const { method, url = "", headers } = this.#request;
    if (method !== "GET" && method !== "POST") return 405;
    if (url.length > HTTP_PATH_CHARACTERS_MAX) return 414;
    return Number(headers["content-length"] ?? 0) > PAYLOAD_BYTES_MAX ? 413 : undefined;
  }

  async #handle(phone: PhoneRequest): Promise<void> {
    const { decoder, tally } = this.#context.protocols[phone.protocol];
    tally.bytesReceived += phone.frame.length;
    const envelope = decoder.envelope(phone.frame, "http");
    if (envelope.kind === "rejected") {
      tally.frames[envelope.reason] += 1;
      this.#quarantine(phone, envelope.reason);
      return this.answer({ status: 400 });
    }
    if (envelope.deviceUid === undefined) {
      tally.frames.beforeLogin += 1;
      return this.answer({ status: 400 });
    }
    const admitted = await this.#admit(envelope.deviceUid, phone);
    if ("status" in admitted) return this.answer(admitted);
    const ack = answerOf(envelope);
    const stored = ack === undefined ? { status: 200 } : { status: 200, body: ack };
    if (envelope.keep) {
      if (!(await this.#keep(phone, admitted, stored))) return;
      tally.records += envelope.kind === "data" ? envelope.recordCount : 0;
    } else {
      tally.frames.unkept += 1;
      this.answer(stored);
    }
  }

  /** The device that may report; else what to answer. */
  async #admit(uid: string, phone: PhoneRequest): Promise<KnownDevice | HttpAnswer> {
    const { admit, knocks, now, monotonicMs } = this.#context;
    const { tally } = this.#context.protocols[phone.protocol];
    const isWanted = () => !this.#isAnswered && monotonicMs() - this.#begunAtMs < this.#commitTimeoutMs();
    const admission = await admit(uid, phone.protocol, isWanted);
    if (admission.kind === "abandoned") {
      tally.refusals.directoryAway += 1;
      return { status: 503 };
    }
    if (admission.kind === "unknown") {
      knocks.add(uid, phone.protocol, this.#remoteAddress, now());
      tally.frames.unknownDevice += 1;
      tally.refusals.unknownDevice += 1;
      return { status: 404 };
    }
    return (await this.#refusalOfProof(admission.device, phone)) ?? admission.device;
  }

  /** A device with a password must give it; OwnTracks must have one. An id of OsmAnd is as good as an IMEI otherwise. */
  async #refusalOfProof(device: KnownDevice, phone: PhoneRequest): Promise<HttpAnswer | undefined> {
    const { passwords, limits, monotonicMs } = this.#context;
    const { refusals } = this.#context.protocols[phone.protocol].tally;
    const stored = passwordHashOf(device);
    if (stored === undefined && (phone.protocol === "osmand" || limits.AUTO_REGISTER)) return undefined;
    if (stored === undefined || phone.password === undefined || !isUserOf(device.uid, phone.username)) {
      refusals.password += 1;
      return { status: 401 };
    }
    const from = { remoteAddress: this.#remoteAddress, monotonicMs: monotonicMs() };
    const finding = await passwords.check(device.uid, stored, Buffer.from(phone.password), from);
    switch (finding) {
      case "right":
        return undefined;
      case "wrong":
        refusals.password += 1;
        return { status: 401 };
      case "busy":
        refusals.passwordChecks += 1;
        return { status: 503 };
    }
  }

  /** True when the frame was committed; `stored` is the answer that lets the phone forget it. */
  async #keep(phone: PhoneRequest, device: KnownDevice, stored: HttpAnswer): Promise<boolean> {
    const { journal, onSessionError, monotonicMs } = this.#context;
    const { tally, ackLatency } = this.#context.protocols[phone.protocol];
    const frame = this.#frameOf(phone, device);
    const giveUp = setTimeout(() => {
      tally.refusals.journal += 1;
      this.answer({ status: 503 });
    }, this.#commitTimeoutMs());
    try {
      await journal.append(frame);
      this.answer(stored);
    } catch (error) {
      tally.refusals.journal += 1;
      if (error instanceof JournalFrameError) this.#quarantine(phone, "format");
      else if (!(error instanceof JournalFullError)) onSessionError(error);
      this.answer({ status: error instanceof JournalFrameError ? 400 : 503 });
      return false;
    } finally {
      clearTimeout(giveUp);
    }
    tally.frames.committed += 1;
    tally.acks += 1;
    ackLatency.observe((monotonicMs() - this.#begunAtMs) / 1_000);
    return true;
  }

  #commitTimeoutMs(): number {
    return this.#context.limits.COMMIT_TIMEOUT_MS ?? HTTP_COMMIT_TIMEOUT_MS;
  }

  #frameOf(phone: PhoneRequest, device: KnownDevice): NewFrame {
    return {
      deviceId: device.deviceId,
      kind: "frame",
      protocol: phone.protocol,
      transport: "http",
      receivedAtMs: this.#context.now(),
      remoteAddress: this.#remoteAddress,
      bytes: phone.frame,
    };
  }

  #quarantine(phone: PhoneRequest, reason: Parameters<HttpContext["quarantine"]["offer"]>[0]["reason"]): void {
    const { quarantine, now, monotonicMs } = this.#context;
    const row = {
      deviceId: null,
      fleetId: null,
      protocol: phone.protocol,
      transport: "http" as const,
      receivedAtMs: now(),
      remoteAddress: this.#remoteAddress,
      reason,
      detail: null,
      bytes: phone.frame,
    };
    quarantine.offer(row, monotonicMs());
  }
}

/** The whole body; `tooLarge` as soon as it is, `gone` when the client left. */
function readBody(request: IncomingMessage): Promise<Uint8Array | "tooLarge" | "gone"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let byteCount = 0;
    request.on("data", (chunk: Buffer) => {
      byteCount += chunk.length;
      if (byteCount <= PAYLOAD_BYTES_MAX) chunks.push(chunk);
      else {
        request.pause();
        resolve("tooLarge");
      }
    });
    request.on("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    request.on("error", () => resolve("gone"));
    request.on("close", () => resolve("gone"));
  });
}
