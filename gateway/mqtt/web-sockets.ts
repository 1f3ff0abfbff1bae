import { createServer } from "node:http";
import type { Socket } from "node:net";
import { createWebSocketStream, WebSocketServer } from "ws";
import type { Entered } from "../acceptor.ts";
import { HTTP_HEAD_BYTES_MAX, WEB_SOCKET_MESSAGE_BYTES_MAX } from "../maxima.ts";
import type { Broker } from "./broker.ts";
import type { MqttContext } from "./mqtt-context.ts";

/** The subprotocol that an MQTT client must offer: MQTT 3.1.1, section 6; `mqttv3.1` is what older libraries say. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
const ADDRESS = Symbol("address");
type AddressedSocket = Socket & { [ADDRESS]?: string };

/** Makes connections WebSockets within LOGIN_TIMEOUT_MS and hands their bytes to the broker. */
export function openWebSockets(context: MqttContext, broker: Broker): Entered {
  const upgrades = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: WEB_SOCKET_MESSAGE_BYTES_MAX,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  });
  const server = createServer({ maxHeaderSize: HTTP_HEAD_BYTES_MAX, keepAlive: false }, (_request, response) => {
    context.tally.refusals.request += 1;
    response.writeHead(426, { connection: "close", upgrade: "websocket" }).end();
  });
  server.on("upgrade", (request, socket: AddressedSocket, head) => {
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      clearTimeout(deadlines.get(socket));
      broker.handle(context, createWebSocketStream(webSocket), socket[ADDRESS] ?? "");
    });
  });
  const deadlines = new WeakMap<Socket, NodeJS.Timeout>();
  return (socket: AddressedSocket, address) => {
    socket[ADDRESS] = address;
    const deadline = setTimeout(() => socket.destroy(), context.limits.LOGIN_TIMEOUT_MS);
    deadlines.set(socket, deadline);
    socket.once("close", () => clearTimeout(deadline));
    server.emit("connection", socket);
  };
}
