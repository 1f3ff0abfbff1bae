import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** A port that is free for TCP and UDP on loopback now; for services that must come back on the same port. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  const socket = createSocket("udp4");
  const isFree = await new Promise<boolean>((resolve) => {
    socket.once("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => resolve(true));
  });
  if (isFree) await new Promise<void>((resolve) => socket.close(resolve));
  await new Promise((resolve) => server.close(resolve));
  return isFree ? port : findFreePort();
}
