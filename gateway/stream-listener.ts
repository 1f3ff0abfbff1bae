import { type Listening, openAcceptor } from "./acceptor.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { ListenerSpec, TlsFiles } from "./gateway-deps.ts";
import type { SessionContext } from "./session-context.ts";
import { StreamSession } from "./stream-session.ts";

/** Opens a listener whose connections, TCP or TLS, are sessions of a stream protocol. */
export function openStreamListener(
  spec: ListenerSpec,
  context: SessionContext,
  connections: ConnectionLimits,
  tls: TlsFiles | undefined,
): Promise<Listening> {
  return openAcceptor(spec, context, connections, tls, (socket, address) => {
    new StreamSession(context, socket, address);
    if (socket.isPaused()) socket.resume();
  });
}
