import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { generate } from "selfsigned";

/** Test support: a receiver of webhooks on loopback that can fail in every way a real one does. */

export type Received = { path: string; headers: Record<string, string>; body: string };

export type Receiver = {
  url: (path: string) => string;
  received: Received[];
  /** Answers a path; without one a request gets 204. */
  on: (path: string, answer: (request: Received, response: ServerResponse, socket: Socket) => void) => void;
  /** PEM of the certificate, where it speaks TLS. */
  certificate: string | undefined;
  close: () => Promise<void>;
};

export async function openReceiver(options: { tls?: { name: string } } = {}): Promise<Receiver> {
  const received: Received[] = [];
  const answers = new Map<string, Parameters<Receiver["on"]>[1]>();
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const got: Received = {
      path: request.url ?? "",
      headers: request.headers as Record<string, string>,
      body: Buffer.concat(chunks).toString("utf8"),
    };
    received.push(got);
    const answer = answers.get(got.path);
    if (answer === undefined) response.writeHead(204).end();
    else answer(got, response, request.socket);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    // A sender that breaks off in the middle is nothing to a receiver.
    handle(request, response).catch(() => response.destroy());
  };
  const pair =
    options.tls &&
    (await generate([{ name: "commonName", value: options.tls.name }], certificateFor(options.tls.name)));
  const server = pair ? createTlsServer({ key: pair.private, cert: pair.cert }, listener) : createServer(listener);
  // A connection that rests is never ended from here, just as the next request is on its way.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const origin = options.tls ? `https://${options.tls.name}:${port}` : `http://127.0.0.1:${port}`;
  return {
    url: (path) => origin + path,
    received,
    on: (path, answer) => answers.set(path, answer),
    certificate: pair?.cert,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function certificateFor(name: string): Parameters<typeof generate>[1] {
  return { extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: name }] }] };
}
