import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { ensureGothenburgRoads } from "#simulator/roads/road-file.ts";
import { VERSION } from "#stream/roads/network-file.ts";
import { openConnections, trackerLogin } from "./ack-client.ts";
import { printGoal, printTable } from "./measure.ts";
import { openMeasuredService } from "./measured-service.ts";
import { fullRecord, recordPacket } from "./teltonika-load.ts";

/**
 * Time from when a packet is due to its ack read, at offered loads, with stream (all stages, roads loaded), database and
 * API beside. Packets are due evenly and encoded beforehand, so that the sender's own work is no part of the time; one
 * that finds its device still waiting for an ack is sent after it, and its time counts from when it was due.
 */

const OFFERED = [1_000, 5_000, 10_000];
const SECONDS = 6;
const WARM_UP_S = 1;
const DEVICES = 500;
const FIRST_MS = 1_700_000_000_000;
/** About 14 m to the north. */
const STEP_E7 = 1_250;
const ACK_BYTES = 4;
const CATCH_UP_POLL_MS = 50;
/** On a machine that others keep busy the stream, weaker than the gateway, may not catch up at all. */
const CATCH_UP_S_MAX = 10;

const roads = join(tmpdir(), `telematics-bench-gothenburg-v${VERSION}.roads`);
await ensureGothenburgRoads(roads);
const service = await openMeasuredService({ ROADS: roads });
const client = new pg.Client(service.databaseUrl);
await client.connect();
const sockets = await openConnections(service.teltonikaPort, DEVICES, trackerLogin);
/** Records that each device has sent: the next one is a second later and further on. */
let recordsSent = 0;

/** One connection: what is due waits for the ack of what was sent before. */
class Device {
  readonly #socket: Socket;
  readonly #due: { packet: Uint8Array; dueAtMs: number }[] = [];
  readonly #answered: (dueAtMs: number) => void;
  #ackBytes = 0;

  constructor(socket: Socket, answered: (dueAtMs: number) => void) {
    this.#socket = socket;
    this.#answered = answered;
    socket.on("data", (bytes) => this.#take(bytes));
  }

  send(packet: Uint8Array, dueAtMs: number): void {
    this.#due.push({ packet, dueAtMs });
    if (this.#due.length === 1) this.#socket.write(packet);
  }

  #take(bytes: Buffer): void {
    this.#ackBytes += bytes.length;
    if (this.#ackBytes < ACK_BYTES) return;
    this.#ackBytes = 0;
    this.#answered(this.#due.shift()!.dueAtMs);
    const next = this.#due[0];
    if (next !== undefined) this.#socket.write(next.packet);
  }
}

/** Sends `packetsPerS` for `seconds`; returns the times of all acks, ms, sorted, and how long it took until the last. */
async function offer(packetsPerS: number, recordsPerPacket: number, seconds: number) {
  const packets = Array.from({ length: Math.round(packetsPerS * seconds) }, (_, index) => {
    const first = recordsSent + Math.floor(index / DEVICES) * recordsPerPacket;
    const make = (timeMs: number) => fullRecord(timeMs, 577_000_000 + ((timeMs - FIRST_MS) / 1_000) * STEP_E7);
    return recordPacket(0x8e, recordsPerPacket, make, FIRST_MS + first * 1_000);
  });
  recordsSent += Math.ceil(packets.length / DEVICES) * recordsPerPacket;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timesMs: number[] = [];
  const devices = sockets.map(
    (socket) =>
      new Device(socket, (dueAtMs) => {
        if (timesMs.push(performance.now() - dueAtMs) === packets.length) resolve();
      }),
  );
  const startMs = performance.now();
  for (let sent = 0; sent < packets.length; ) {
    const dueCount = Math.min(packets.length, ((performance.now() - startMs) * packetsPerS) / 1_000);
    for (; sent < dueCount; sent++) {
      devices[sent % DEVICES]!.send(packets[sent]!, startMs + (sent * 1_000) / packetsPerS);
    }
    await sleep(1);
  }
  await promise;
  const tookS = (performance.now() - startMs) / 1_000;
  for (const socket of sockets) socket.removeAllListeners("data");
  return { timesMs: timesMs.sort((a, b) => a - b), tookS };
}

/** What the stream has left to do would otherwise run into the next load; seconds that it took, at most CATCH_UP_S_MAX. */
async function caughtUp(): Promise<number> {
  const startMs = performance.now();
  while (performance.now() - startMs < CATCH_UP_S_MAX * 1_000) {
    const { rows } = await client.query("select not exists (select from unfolded_frame) as done");
    if (rows[0].done) return (performance.now() - startMs) / 1_000;
    await sleep(CATCH_UP_POLL_MS);
  }
  return CATCH_UP_S_MAX;
}

const rows: Record<string, string | number>[] = [];
for (const recordsPerPacket of [1, 10]) {
  for (const recordsPerS of OFFERED) {
    const packetsPerS = recordsPerS / recordsPerPacket;
    await offer(packetsPerS, recordsPerPacket, WARM_UP_S);
    const { timesMs, tookS } = await offer(packetsPerS, recordsPerPacket, SECONDS);
    const row = {
      "records a packet": recordsPerPacket,
      "offered records/s": recordsPerS,
      "acknowledged records/s": (timesMs.length * recordsPerPacket) / tookS,
      "p50 ms": timesMs[Math.floor(timesMs.length * 0.5)]!,
      "p99 ms": timesMs[Math.floor(timesMs.length * 0.99)]!,
      "max ms": timesMs.at(-1)!,
      "s until folded": await caughtUp(),
    };
    rows.push(row);
    // A run that is cut short has said what it found.
    console.log(JSON.stringify(row));
  }
}
for (const socket of sockets) socket.destroy();
await client.end();
await service.close();
printTable(`Ack latency with all stages, ${DEVICES} devices, ${SECONDS} s each`, rows);
for (const row of rows.filter((each) => each["offered records/s"] === 5_000)) {
  const p99 = Number(row["p99 ms"]);
  printGoal(`ack p99 at most 50 ms at 5,000 records/s (${row["records a packet"]} a packet)`, p99, p99 <= 50);
}
