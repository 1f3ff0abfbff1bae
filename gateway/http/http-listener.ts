import { createServer } from "node:http";
import type { Socket } from "node:net";
import { type Listening, leaveOnClose, openAcceptor } from "../acceptor.ts";
import type { ConnectionLimits } from "../connection-limits.ts";
import type { ListenerSpec } from "../gateway-deps.ts";
import { HTTP_HEAD_BYTES_MAX } from "../maxima.ts";
import { HttpConnection } from "./http-connection.ts";
import type { HttpContext } from "./http-context.ts";

const CONNECTION = Symbol("connection");
type PhoneSocket = Socket & { [CONNECTION]?: HttpConnection };

/**
 * Opens the listener for phones that report over HTTP. The HTTP server never listens itself: its connections come from
 * the acceptor, which counts them, and their time limits are kept by the sweep over all sessions.
 */
export function openHttpListener(
  spec: ListenerSpec,
  context: HttpContext,
  connections: ConnectionLimits,
): Promise<Listening> {
  const server = createServer(
    { maxHeaderSize: HTTP_HEAD_BYTES_MAX, keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 },
    (request, response) => (request.socket as PhoneSocket)[CONNECTION]?.receive(request, response),
  );
  server.on("clientError", (error: Error & { code?: string }, socket: PhoneSocket) => {
    context.tally.refusals.request += 1;
    const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
    if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    socket[CONNECTION]?.close(error.code === "ECONNRESET" ? "reset" : "framing");
  });
  return openAcceptor(spec, context, connections, undefined, (socket: PhoneSocket, address) => {
    leaveOnClose(connections, socket, address);
    socket[CONNECTION] = new HttpConnection(context, socket, address);
    server.emit("connection", socket);
  });
}
