import { createSocket } from "node:dgram";
import { findFreePort as findFreeTcpPort } from "#store/embedded/server.ts";

/** A port that is free for TCP and UDP on loopback now; for services that must come back on the same port. */
export async function findFreePort(): Promise<number> {
  const port = await findFreeTcpPort();
  const socket = createSocket("udp4");
  const isFree = await new Promise<boolean>((resolve) => {
    socket.once("error", () => resolve(false));
    socket.bind(port, "127.0.0.1", () => resolve(true));
  });
  if (isFree) await new Promise<void>((resolve) => socket.close(resolve));
  return isFree ? port : findFreePort();
}
