import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { MeasuredServer, openConnections, pump, trackerLogin } from "./ack-client.ts";
import { median, printGoal, printTable } from "./measure.ts";
import { recordPacket, smallRecord } from "./teltonika-load.ts";

/**
 * The gateway's socket path with the journal off against a pure TCP echo server: packets of 25 small records per CPU
 * second of the server's process, at 100 and 10,000 connections, each with one packet in flight. Both servers stand, each
 * with a process that loads it, and are measured in turn in short slices: the speed of a shared machine drifts.
 */

type Side = "echo" | "gateway";

const RECORDS = 25;
const CONNECTIONS = [100, 10_000];
const WARM_UP_S = 1.5;
const SLICE_S = 0.5;
const SLICES = 10;
const ACK_BYTES = 4;

const packet = Buffer.from(recordPacket(0x08, RECORDS, smallRecord, 1_700_000_000_000));

/** Loads one server for as long as the parent says, and tells it the packets per CPU second. */
async function serveSlices(side: Side, connections: number): Promise<void> {
  const server = await MeasuredServer.start(side);
  const sockets = await openConnections(server.port, connections, side === "gateway" ? trackerLogin : null);
  const answerBytes = side === "gateway" ? ACK_BYTES : packet.length;
  process.on("message", (seconds: number) => {
    void packetsPerCpuSecond(seconds).then((rate) => process.send?.(rate));
  });
  process.on("disconnect", () => {
    for (const socket of sockets) socket.destroy();
    void server.stop();
  });
  process.send?.("ready");

  async function packetsPerCpuSecond(seconds: number): Promise<number> {
    const before = await server.cpuSeconds();
    const answered = await pump(sockets, packet, answerBytes, seconds);
    return answered / ((await server.cpuSeconds()) - before);
  }
}

async function startSide(side: Side, connections: number): Promise<ChildProcess> {
  const child = fork(import.meta.filename, [side, String(connections)]);
  await once(child, "message");
  return child;
}

async function rateOf(child: ChildProcess, seconds: number): Promise<number> {
  child.send(seconds);
  const [rate] = await once(child, "message");
  return rate;
}

async function compare(connections: number): Promise<Record<string, number>> {
  const echo = await startSide("echo", connections);
  const gateway = await startSide("gateway", connections);
  for (const child of [echo, gateway]) await rateOf(child, WARM_UP_S);
  const slices: { echo: number; gateway: number }[] = [];
  for (let slice = 0; slice < SLICES; slice++) {
    slices.push({ echo: await rateOf(echo, SLICE_S), gateway: await rateOf(gateway, SLICE_S) });
  }
  for (const child of [echo, gateway]) {
    child.disconnect();
    await once(child, "exit");
  }
  return {
    connections,
    "echo, packets/CPU s": median(slices.map((slice) => slice.echo)),
    "gateway, packets/CPU s": median(slices.map((slice) => slice.gateway)),
    ratio: median(slices.map((slice) => slice.gateway / slice.echo)),
  };
}

async function compareAll(): Promise<void> {
  const rows: Record<string, number>[] = [];
  for (const connections of CONNECTIONS) rows.push(await compare(connections));
  printTable(`Ack path, journal off: packets of ${RECORDS} small records (${packet.length} bytes)`, rows);
  for (const { connections, ratio } of rows) {
    printGoal(`gateway at least 0.8 of echo at ${connections} connections`, ratio!, ratio! >= 0.8);
  }
}

const [side, connections] = process.argv.slice(2);
if (side === undefined) await compareAll();
else await serveSlices(side as Side, Number(connections));
