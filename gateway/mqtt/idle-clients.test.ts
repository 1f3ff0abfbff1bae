import type { ChildProcess } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, it } from "vitest";
import { closeTestGateways, until } from "../test-gateway.ts";
import { KEEP_ALIVE_S, startIdleClients } from "./test-idle-clients.ts";
import { closePhones, loggedIn, openPhoneGateway, puback, publishBytes, subscribeBytes } from "./test-phones.ts";

const CLIENTS = 5_000;
/** What else this process has open: its own files, the runner's, other tests'. */
const OTHER_DESCRIPTORS = 200;
/** Heap and buffers that one idle client may hold: three times what was measured (8.6 kB). */
const IDLE_CLIENT_BYTES_MAX = 25_600;

let idle: ChildProcess | undefined;

afterEach(async () => {
  idle?.kill();
  closePhones();
  await closeTestGateways();
});

it("5,000 idle clients take bounded memory and keep nobody from being served", {
  timeout: 300_000,
}, async (context) => {
  const descriptors = descriptorsMax();
  if (descriptors < CLIENTS + OTHER_DESCRIPTORS) {
    context.skip(`a process may have ${descriptors} files open here, ${CLIENTS + OTHER_DESCRIPTORS} are needed`);
  }
  const connections = CLIENTS + 10;
  const gateway = await openPhoneGateway({
    limits: { CONNECTIONS_MAX: connections, CONNECTIONS_PER_ADDRESS_MAX: connections },
  });
  const slow = await loggedIn(await gateway.raw(), { user: "bo", keepAliveS: KEEP_ALIVE_S });
  const before = bytesInUse();
  idle = await startIdleClients(gateway.portOf("mqtt"), CLIENTS);
  expect(await gateway.metric("gateway_sessions", { transport: "mqtt" })).toBe(CLIENTS + 1);
  expect((bytesInUse() - before) / CLIENTS).toBeLessThan(IDLE_CLIENT_BYTES_MAX);

  slow.socket.pause();
  slow.send(subscribeBytes("owntracks/bo/phone/cmd"), publishBytes({ topic: "owntracks/bo/phone", messageId: 5 }));
  const busy = await loggedIn(await gateway.raw(), { keepAliveS: KEEP_ALIVE_S });
  for (let messageId = 1; messageId <= 100; messageId++) {
    busy.send(publishBytes({ messageId }));
    await busy.receives(puback(messageId));
    busy.receivedHex = "";
  }
  slow.socket.resume();
  await until(() => ["9003000901", puback(5)].every((answer) => slow.receivedHex.includes(answer)));

  idle.kill();
  await until(async () => (await gateway.metric("gateway_sessions", { transport: "mqtt" })) === 2);
  expect(gateway.journal.frames()).toHaveLength(101);
});

/** Heap and buffers that are still needed. */
function bytesInUse(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function descriptorsMax(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    userLimits: { open_files: { soft: number | string } };
  };
  const { soft } = userLimits.open_files;
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}
