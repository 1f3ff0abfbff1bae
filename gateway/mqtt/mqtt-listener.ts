import { type Entered, type Listening, leaveOnClose, openAcceptor, requireTls } from "../acceptor.ts";
import type { ConnectionLimits } from "../connection-limits.ts";
import type { ListenerSpec, TlsFiles } from "../gateway-deps.ts";
import type { Broker } from "./broker.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { openWebSockets } from "./web-sockets.ts";

/** Opens a listener for MQTT over TCP, TLS or WebSocket. */
export async function openMqttListener(
  spec: ListenerSpec,
  context: MqttContext,
  connections: ConnectionLimits,
  broker: Broker,
  tls: TlsFiles | undefined,
): Promise<Listening> {
  const serverTls = spec.transport === "mqttTls" ? requireTls(tls) : undefined;
  const upgrade = spec.transport === "mqttWs" ? openWebSockets(context, broker) : undefined;
  const entered: Entered = (socket, address) => {
    if (serverTls === undefined) leaveOnClose(connections, socket, address);
    if (upgrade === undefined) broker.handle(context, socket, address);
    else upgrade(socket, address);
  };
  return openAcceptor(spec, context, connections, serverTls, entered);
}
