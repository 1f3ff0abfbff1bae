import { createSocket } from "node:dgram";
import { createServer, type Socket } from "node:net";
import { findDecoder, type ProtocolName } from "#decoders";
import type { FixSource } from "../check.ts";
import { openTestStore, type StoredReport } from "./test-store.ts";

/** What the little gateway does with one packet; `ignore` neither stores nor answers it, `partial` is a wrong or negative answer. */
export type Treatment = "acknowledge" | "withhold" | "ignore" | "drop" | "partial" | "loseAndAcknowledge";

export type TestGateway = {
  port: number;
  /** Where datagrams go; undefined where the gateway takes none. */
  udpPort?: number;
  /** Stored fixes of each device; a resent record is stored once, as its bytes are the same. */
  readFixes: FixSource;
  stored: ReadonlyMap<string, ReadonlyMap<string, StoredReport>>;
  /** Frames that were not sound. */
  rejected: number;
  close(): Promise<void>;
};

/** A gateway small enough to be plainly right: reads with the real decoder, stores in memory, treats packets as told. */
export async function openTestGateway(
  treat: (packetNumber: number) => Treatment,
  protocol: ProtocolName = "teltonika",
): Promise<TestGateway> {
  const decoder = findDecoder(protocol)!;
  const store = openTestStore(protocol);
  const sockets = new Set<Socket>();
  const server = createServer(serve);
  const datagrams = createSocket("udp4");
  let packets = 0;

  function serve(socket: Socket): void {
    sockets.add(socket);
    const framer = decoder.openStream();
    let bytes: Uint8Array = new Uint8Array(0);
    let uid: string | null = null;
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (;;) {
        const next = framer.next(bytes);
        if (next.kind === "incomplete") return;
        if (next.kind === "fatal") {
          socket.destroy();
          return;
        }
        bytes = bytes.subarray(next.consumed);
        if (next.kind === "frame") uid = answer(socket, next.frame, uid) ?? uid;
        else gateway.rejected++;
      }
    });
  }

  function answer(socket: Socket, frame: Uint8Array, uid: string | null): string | undefined {
    const envelope = decoder.envelope(frame, "tcp");
    if (envelope.kind === "rejected") throw new Error(`refused by its envelope: ${envelope.reason}`);
    const namedUid = envelope.deviceUid ?? uid;
    if (namedUid === null) throw new Error("a frame came before the login");
    if (envelope.kind === "login") {
      store.keep(namedUid, frame, "tcp");
      socket.write(envelope.accept);
      return namedUid;
    }
    if (!envelope.ack) return namedUid;
    if (envelope.kind !== "data") {
      socket.write(envelope.ack);
      return namedUid;
    }
    const treatment = treat(packets++);
    if (treatment === "ignore") return namedUid;
    if (treatment !== "loseAndAcknowledge") store.keep(namedUid, frame, "tcp");
    if (treatment === "drop") socket.destroy();
    else if (treatment === "partial") socket.write(withCount(envelope.ack, envelope.recordCount - 1));
    else if (treatment !== "withhold") socket.write(envelope.ack);
    return namedUid;
  }

  datagrams.on("message", (bytes, from) => {
    const read = decoder.readDatagram(bytes);
    const envelope = read.kind === "frame" ? decoder.envelope(read.frame, "udp") : undefined;
    if (read.kind !== "frame" || envelope?.kind !== "data" || !envelope.ack || !envelope.deviceUid) {
      gateway.rejected++;
      return;
    }
    const treatment = treat(packets++);
    if (treatment === "ignore") return;
    if (treatment !== "loseAndAcknowledge") store.keep(envelope.deviceUid, read.frame, "udp");
    if (treatment === "withhold" || treatment === "drop") return;
    const isPartial = treatment === "partial" && envelope.recordCount > 1;
    datagrams.send(
      isPartial ? withCount(envelope.ack, envelope.recordCount - 1) : envelope.ack,
      from.port,
      from.address,
    );
  });

  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  await new Promise<void>((resolve) => datagrams.bind(0, "127.0.0.1", resolve));
  const gateway: TestGateway = {
    port,
    udpPort: datagrams.address().port,
    readFixes: store.readFixes,
    stored: store.stored,
    rejected: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      datagrams.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return gateway;
}

function withCount(ack: Uint8Array, count: number): Uint8Array {
  const changed = Uint8Array.from(ack);
  changed[changed.length - 1] = count;
  return changed;
}
