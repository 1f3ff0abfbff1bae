import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import { ensureGothenburgRoads } from "#simulator/roads/road-file.ts";
import { VERSION } from "#stream/roads/network-file.ts";
import { openConnections, trackerLogin } from "./ack-client.ts";
import { drivenVehicles } from "./driven-records.ts";
import { median, printGoal, printTable } from "./measure.ts";
import { openMeasuredService } from "./measured-service.ts";
import { quietRounds } from "./quiet-rounds.ts";
import { recordPacket } from "./teltonika-load.ts";

/**
 * Durable fixes per second from device sockets to the table `fix`, beside a raw binary COPY of the very same rows into
 * the very same table (its bytes made beforehand, so that nothing but PostgreSQL and the socket is measured). All stages
 * run, with the roads of Gothenburg loaded, where the vehicles drive.
 */

const DEVICES = 200;
const PACKETS_PER_DEVICE = 24;
const RECORDS_PER_PACKET = 25;
const ROUNDS = 3;
/** Between two looks whether all is stored: each costs what it measures some CPU. */
const LOOK_MS = 100;
const FIXES = DEVICES * PACKETS_PER_DEVICE * RECORDS_PER_PACKET;
const FIRST_MS = 1_700_000_000_000;
/** All devices report what one vehicle does, a fix a second. */
const [reportAt] = drivenVehicles(1, FIRST_MS);

const roads = join(tmpdir(), `telematics-bench-gothenburg-v${VERSION}.roads`);
await ensureGothenburgRoads(roads);
const service = await openMeasuredService({ ROADS: roads });
const client = new pg.Client(service.databaseUrl);
await client.connect();

/** Every device sends its packets, each after the ack of the one before; resolves when all are acknowledged, with the start. */
async function sendAll(round: number): Promise<number> {
  const sockets = await openConnections(service.teltonikaPort, DEVICES, trackerLogin);
  const packets = Array.from({ length: PACKETS_PER_DEVICE }, (_, index) =>
    recordPacket(0x8e, RECORDS_PER_PACKET, reportAt!, FIRST_MS + (round * PACKETS_PER_DEVICE + index) * 25_000),
  );
  const startMs = performance.now();
  await Promise.all(
    sockets.map(async (socket) => {
      for (const packet of packets) {
        socket.write(packet);
        await once(socket, "data");
      }
    }),
  );
  for (const socket of sockets) socket.destroy();
  return startMs;
}

async function storedFixes(): Promise<number> {
  return Number((await client.query("select count(*) as n from fix")).rows[0].n);
}

async function cursorsCaughtUp(): Promise<boolean> {
  const { rows } = await client.query("select not exists (select from unfolded_frame) as done");
  return rows[0].done;
}

const rounds = await quietRounds(ROUNDS, async (round) => {
  await client.query("truncate fix");
  const startMs = await sendAll(round);
  const ackedMs = performance.now() - startMs;
  while (!(await cursorsCaughtUp())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const storedMs = performance.now() - startMs;
  if ((await storedFixes()) !== FIXES) throw new Error(`expected ${FIXES} fixes, found ${await storedFixes()}`);
  const chunks: Buffer[] = [];
  for await (const chunk of client.query(copyTo("copy fix to stdout (format binary)"))) chunks.push(chunk as Buffer);
  await client.query("truncate fix");
  const copyStartMs = performance.now();
  await pipeline(Readable.from(chunks), client.query(copyFrom("copy fix from stdin (format binary)")));
  const copiedMs = performance.now() - copyStartMs;
  return {
    ackedPerS: (FIXES / ackedMs) * 1000,
    storedPerS: (FIXES / storedMs) * 1000,
    copiedPerS: (FIXES / copiedMs) * 1000,
  };
});
await client.end();
await service.close();

const ratio = median(rounds.map(({ storedPerS, copiedPerS }) => storedPerS / copiedPerS));
printTable(
  `Ingest of ${FIXES} full records, ${RECORDS_PER_PACKET} a packet, ${DEVICES} devices (median of ${ROUNDS})`,
  [
    { path: "socket → journal, acknowledged", "records/s": median(rounds.map((round) => round.ackedPerS)) },
    {
      path: "socket → journal → decoded, folded, stored",
      "records/s": median(rounds.map((round) => round.storedPerS)),
    },
    { path: "raw binary COPY of the same rows", "records/s": median(rounds.map((round) => round.copiedPerS)) },
  ],
);
const storedPerS = median(rounds.map((round) => round.storedPerS));
printGoal("durable fixes/s end to end with all stages at least 5,000", storedPerS, storedPerS >= 5_000);
printGoal("durable fixes/s end to end at least 0.5 of raw COPY", ratio, ratio >= 0.5);
