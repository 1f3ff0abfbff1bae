import { type Listening, openAcceptor, requireTls } from "./acceptor.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { ListenerSpec, TlsFiles } from "./gateway-deps.ts";
import type { SessionContext } from "./session-context.ts";
import { StreamSession } from "./stream-session.ts";

/** Opens a listener whose connections, TCP or TLS, are sessions of a stream protocol. */
export async function openStreamListener(
  spec: ListenerSpec,
  context: SessionContext,
  connections: ConnectionLimits,
  tls: TlsFiles | undefined,
): Promise<Listening> {
  const serverTls = spec.transport === "tls" ? requireTls(tls) : undefined;
  return openAcceptor(spec, context, connections, serverTls, (socket, address) => {
    new StreamSession(context, socket, address);
    if (socket.isPaused()) socket.resume();
  });
}
