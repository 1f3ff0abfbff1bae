import { MeasuredServer, openConnections, pump, trackerLogin } from "./ack-client.ts";
import { median, printGoal, printTable } from "./measure.ts";
import { recordPacket, smallRecord } from "./teltonika-load.ts";

/**
 * The gateway's socket path with the journal off against a pure TCP echo server: packets of 25 small records per CPU
 * second of the server's process, at 100 and 10,000 connections, each with one packet in flight.
 */

const RECORDS = 25;
const CONNECTIONS = [100, 10_000];
const SECONDS = 4;
const ROUNDS = 3;
const ACK_BYTES = 4;

const packet = Buffer.from(recordPacket(0x08, RECORDS, smallRecord, 1_700_000_000_000));

async function packetsPerCpuSecond(mode: "echo" | "gateway", connections: number): Promise<number> {
  const server = await MeasuredServer.start(mode);
  const sockets = await openConnections(server.port, connections, mode === "gateway" ? trackerLogin : null);
  const answerBytes = mode === "gateway" ? ACK_BYTES : packet.length;
  await pump(sockets, packet, answerBytes, 1);
  const before = await server.figures();
  const answered = await pump(sockets, packet, answerBytes, SECONDS);
  const after = await server.figures();
  for (const socket of sockets) socket.destroy();
  await server.stop();
  return answered / (after.cpuS - before.cpuS);
}

const rows: Record<string, string | number>[] = [];
for (const connections of CONNECTIONS) {
  const rounds: { echo: number; gateway: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const echo = await packetsPerCpuSecond("echo", connections);
    rounds.push({ echo, gateway: await packetsPerCpuSecond("gateway", connections) });
  }
  rows.push({
    connections,
    "echo, packets/CPU s": median(rounds.map(({ echo }) => echo)),
    "gateway, packets/CPU s": median(rounds.map(({ gateway }) => gateway)),
    ratio: median(rounds.map(({ echo, gateway }) => gateway / echo)),
  });
}
printTable(`Ack path, journal off: packets of ${RECORDS} small records (${packet.length} bytes)`, rows);
for (const row of rows) {
  printGoal(
    `gateway at least 0.8 of echo at ${row.connections} connections`,
    Number(row.ratio),
    Number(row.ratio) >= 0.8,
  );
}
