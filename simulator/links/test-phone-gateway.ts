import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { Aedes } from "aedes";
import { frameOf } from "#decoders/osmand/frame.ts";
import { osmand } from "#decoders/osmand/index.ts";
import { frameOfPost, frameOf as frameOfPublish } from "#decoders/owntracks/frame.ts";
import { owntracks } from "#decoders/owntracks/index.ts";
import type { TestGateway, Treatment } from "./test-gateway.ts";
import { openTestStore } from "./test-store.ts";

/** An HTTP server for OsmAnd or OwnTracks, small enough to be plainly right: stores in memory, treats requests as told. */
export async function openTestHttpGateway(
  treat: (requestNumber: number) => Treatment,
  passwordOf: (uid: string) => string | null,
  protocol: "osmand" | "owntracks" = "osmand",
): Promise<TestGateway> {
  const store = openTestStore(protocol);
  let requests = 0;
  const server = createHttpServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => serve(incoming, Buffer.concat(chunks), response));
  });
  // A connection that rests is never ended from here, just as the next request is on its way.
  server.keepAliveTimeout = 0;

  function serve(incoming: IncomingMessage, body: Uint8Array, response: ServerResponse): void {
    const frame = protocol === "osmand" ? osmandFrame(incoming, body) : owntracksFrame(incoming, body);
    const envelope = (protocol === "osmand" ? osmand : owntracks).envelope(frame, "http");
    const uid = envelope.kind === "data" ? envelope.deviceUid : undefined;
    if (!uid) {
      gateway.rejected++;
      response.writeHead(400).end();
      return;
    }
    const user = protocol === "osmand" ? uid : uid.split("/")[0];
    const expected = `Basic ${Buffer.from(`${user}:${passwordOf(uid)}`).toString("base64")}`;
    if (incoming.headers.authorization !== expected) {
      gateway.rejected++;
      response.writeHead(401).end();
      return;
    }
    const treatment = treat(requests++);
    if (treatment === "partial") response.writeHead(503).end();
    else if (treatment !== "ignore") {
      if (treatment !== "loseAndAcknowledge") store.keep(uid, frame, "http");
      if (treatment === "drop") incoming.socket.destroy();
      else if (treatment !== "withhold") response.writeHead(200).end();
    }
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const gateway: TestGateway = {
    port: (server.address() as { port: number }).port,
    readFixes: store.readFixes,
    stored: store.stored,
    rejected: 0,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return gateway;
}

function osmandFrame({ method = "", url: path = "", headers }: IncomingMessage, body: Uint8Array): Uint8Array {
  const contentType = headers["content-type"];
  return frameOf({ method, path, body, ...(contentType ? { contentType } : {}) });
}

function owntracksFrame({ headers }: IncomingMessage, body: Uint8Array): Uint8Array {
  return frameOfPost({ user: String(headers["x-limit-u"]), device: String(headers["x-limit-d"]), body });
}

/** An MQTT broker for OwnTracks: the PUBACK waits for `authorizePublish`. */
export async function openTestBroker(
  treat: (messageNumber: number) => Treatment,
  passwordOf: (uid: string) => string | null,
): Promise<TestGateway & { send(uid: string, command: object): void }> {
  const store = openTestStore("owntracks");
  const broker = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  let messages = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    broker.handle(socket);
  });
  broker.authenticate = (client, username, password, done) => {
    const uid = client.id.replace(username ?? "", `${username}/`);
    const isRight = password?.toString() === passwordOf(uid);
    if (!isRight) gateway.rejected++;
    done(null, isRight);
  };
  broker.authorizePublish = (client, packet, done) => {
    const payload = Buffer.from(packet.payload);
    const uid = packet.topic.replace("owntracks/", "");
    const isWill = payload.includes('"lwt"');
    const treatment = client && !isWill ? treat(messages++) : "acknowledge";
    if (treatment === "ignore") return;
    if (treatment !== "loseAndAcknowledge") store.keep(uid, frameOfPublish(packet.topic, payload), "mqtt");
    if (treatment === "drop") client?.conn.destroy();
    else if (treatment !== "withhold" && treatment !== "partial") done(null);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const gateway = {
    port: (server.address() as { port: number }).port,
    readFixes: store.readFixes,
    stored: store.stored,
    rejected: 0,
    send: (uid: string, command: object) =>
      broker.publish(
        {
          cmd: "publish",
          topic: `owntracks/${uid}/cmd`,
          payload: JSON.stringify(command),
          qos: 1,
          retain: false,
          dup: false,
        },
        () => undefined,
      ),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => broker.close(resolve));
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return gateway;
}
