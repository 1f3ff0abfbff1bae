import { setTimeout as sleep } from "node:timers/promises";
import { encodeLogin } from "#decoders/teltonika/encode.ts";
import { MeasuredServer, openConnections } from "./ack-client.ts";
import { printGoal, printTable } from "./measure.ts";

/** Process memory of an idle, logged-in session: resident set with 10,000 connections less that with none. */

const CONNECTIONS = 10_000;
const SETTLE_MS = 2_000;
/** A first wave warms code and pools up, so that they are not counted as sessions. */
const WARM_UP = 500;
const login = (index: number) => encodeLogin(String(350_000_000_000_000 + index));

async function bytesPerConnection(mode: "echo" | "gateway"): Promise<number> {
  const server = await MeasuredServer.start(mode);
  const say = mode === "gateway" ? login : null;
  for (const socket of await openConnections(server.port, WARM_UP, say)) socket.destroy();
  await sleep(SETTLE_MS);
  const before = await server.figures();
  const sockets = await openConnections(server.port, CONNECTIONS, say);
  await sleep(SETTLE_MS);
  const after = await server.figures();
  for (const socket of sockets) socket.destroy();
  await server.stop();
  return (after.rssBytes - before.rssBytes) / CONNECTIONS;
}

const echo = await bytesPerConnection("echo");
const gateway = await bytesPerConnection("gateway");
printTable(`Memory of ${CONNECTIONS} idle connections`, [
  { server: "node net, echo", "bytes per connection": echo },
  { server: "gateway, logged in", "bytes per connection": gateway },
]);
printGoal("at most 4 kB of process memory per idle session", gateway, gateway <= 4_096);
