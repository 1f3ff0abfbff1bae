import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  CLOSE_TIMEOUT_MS,
  HTTP_IDLE_TIMEOUT_MS,
  HTTP_REQUESTS_IN_FLIGHT_MAX,
  UNREAD_ACK_BYTES_MAX,
} from "../maxima.ts";
import type { CloseReason } from "../metrics.ts";
import type { AuthLevel } from "../notes.ts";
import type { GatewaySession } from "../session-context.ts";
import type { HttpContext } from "./http-context.ts";
import { HttpExchange } from "./http-exchange.ts";

/**
 * One HTTP connection. It belongs to no device: every request names its own and proves it, so there are no notes about
 * it. Closed when idle, when a body or an answer's reader is slow, or when requests pile up.
 */
export class HttpConnection implements GatewaySession {
  readonly #context: HttpContext;
  readonly #socket: Socket;
  readonly #exchanges = new Set<HttpExchange>();
  readonly remoteAddress: string;
  readonly authLevel: AuthLevel = "id";
  #heardAtMs: number;
  #closedAtMs: number | undefined;

  constructor(context: HttpContext, socket: Socket, remoteAddress: string) {
    this.#context = context;
    this.#socket = socket;
    this.remoteAddress = remoteAddress;
    this.#heardAtMs = context.monotonicMs();
    context.tally.sessions += 1;
    context.sessions.add(this);
    socket.once("close", () => {
      this.close("peer");
      context.tally.sessions -= 1;
      context.sessionGone(this);
    });
  }

  receive(request: IncomingMessage, response: ServerResponse): void {
    this.#heardAtMs = this.#context.monotonicMs();
    if (this.#exchanges.size >= HTTP_REQUESTS_IN_FLIGHT_MAX) {
      this.close("framing");
      return;
    }
    const exchange = new HttpExchange(this.#context, request, response, this.remoteAddress);
    this.#exchanges.add(exchange);
    exchange
      .run()
      .catch((error: unknown) => {
        this.#context.onSessionError(error);
        this.close("defect");
      })
      .finally(() => this.#finished(exchange));
  }

  silentMs(monotonicMs: number): number {
    return Math.round(monotonicMs - this.#heardAtMs);
  }

  checkTime(monotonicMs: number): void {
    if (this.#closedAtMs !== undefined) {
      if (monotonicMs - this.#closedAtMs > CLOSE_TIMEOUT_MS) this.#socket.destroy();
    } else if (this.#socket.writableLength > UNREAD_ACK_BYTES_MAX) this.close("slowReader");
    else if (this.#exchanges.size === 0) {
      if (monotonicMs - this.#heardAtMs > HTTP_IDLE_TIMEOUT_MS) this.close("idle");
    } else {
      const { FRAME_TIMEOUT_MS } = this.#context.limits;
      const slow = [...this.#exchanges].filter((exchange) => exchange.slowMs(monotonicMs) > FRAME_TIMEOUT_MS);
      for (const exchange of slow) exchange.answer({ status: 408 });
      if (slow.length > 0) this.#end("slowSender");
    }
  }

  drain(): void {
    if (this.#exchanges.size === 0) this.close("drain");
  }

  close(reason: CloseReason): void {
    if (this.#end(reason)) this.#socket.destroySoon();
  }

  abort(reason: CloseReason): void {
    this.#end(reason);
    this.#socket.destroy();
  }

  #end(reason: CloseReason): boolean {
    if (this.#closedAtMs !== undefined) return false;
    this.#closedAtMs = this.#context.monotonicMs();
    this.#context.tally.closes[reason] += 1;
    return true;
  }

  #finished(exchange: HttpExchange): void {
    this.#exchanges.delete(exchange);
    this.#heardAtMs = this.#context.monotonicMs();
    if (this.#context.isDraining()) this.drain();
  }
}
