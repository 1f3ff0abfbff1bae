import { setTimeout as sleep } from "node:timers/promises";
import { generate } from "mqtt-packet";
import { type Login, MeasuredServer, openConnections, trackerLogin } from "./ack-client.ts";
import type { ServerMode } from "./ack-server.ts";
import { printGoal, printTable } from "./measure.ts";

/** Process memory of an idle, logged-in session: resident set with thousands of connections less that with none. */

const TRACKERS = 10_000;
const PHONES = 5_000;
const SETTLE_MS = 2_000;
/** A first wave warms code and pools up, so that they are not counted as sessions. */
const WARM_UP = 500;
const KEEP_ALIVE_S = 1_800;

const phone: Login = {
  say: (index) => {
    const username = `idle/${String(index).padStart(6, "0")}`;
    return generate({ cmd: "connect", clientId: username, username, keepalive: KEEP_ALIVE_S, clean: true });
  },
  // CONNACK, accepted.
  welcome: Uint8Array.of(0x20, 2, 0, 0),
};

async function bytesPerConnection(mode: ServerMode, connections: number, login: Login | null): Promise<number> {
  const server = await MeasuredServer.start(mode);
  for (const socket of await openConnections(server.port, WARM_UP, login)) socket.destroy();
  await sleep(SETTLE_MS);
  const before = await server.rssBytes();
  const sockets = await openConnections(server.port, connections, login);
  await sleep(SETTLE_MS);
  const after = await server.rssBytes();
  for (const socket of sockets) socket.destroy();
  await server.stop();
  return (after - before) / connections;
}

const echo = await bytesPerConnection("echo", TRACKERS, null);
const gateway = await bytesPerConnection("gateway", TRACKERS, trackerLogin);
printTable(`Memory of ${TRACKERS} idle connections`, [
  { server: "node net, echo", "bytes per connection": echo },
  { server: "gateway, logged in", "bytes per connection": gateway },
]);
printGoal("at most 4 kB of process memory per idle session", gateway, gateway <= 4_096);

const aedes = await bytesPerConnection("aedes", PHONES, phone);
const phones = await bytesPerConnection("mqtt", PHONES, phone);
printTable(`Memory of ${PHONES} idle MQTT clients`, [
  { server: "plain aedes", "bytes per client": aedes },
  { server: "gateway, logged in", "bytes per client": phones },
]);
