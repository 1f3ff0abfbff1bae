import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import { Aedes, type AuthenticateError, type Client, type PublishPacket } from "aedes";
import type { GatewayLimits } from "../gateway-deps.ts";
import { SWEEP_INTERVAL_MS } from "../maxima.ts";
import { sessionOf } from "./gated-read.ts";
import type { MqttContext } from "./mqtt-context.ts";
import { type Deliver, MqttSession } from "./mqtt-session.ts";
import { returnCodeOf } from "./phone-login.ts";

/** The embedded MQTT 3.1.1 broker; one for all its listeners. */
export type Broker = {
  /** Takes a connection over: it is a session from here on. */
  handle(context: MqttContext, connection: Duplex, remoteAddress: string): void;
  close(): void;
};

/**
 * Opens the broker. Of what it does we use the protocol: connections, acknowledgements, subscriptions. Publishes of
 * devices end in the journal, and only the `authorizePublish` callback holds their acknowledgement: the broker sends
 * PUBACK or PUBREC when it is called, before anything else becomes of the publish. The session takes plain publishes
 * past the broker (`plain-publish.ts`), and keeps the keep-alive.
 */
export async function openBroker(limits: GatewayLimits, onError: (error: unknown) => void): Promise<Broker> {
  let connections = 0;
  const broker = new DeviceBroker({
    // The sweep closes silent connections first; this is the broker's own limit.
    connectTimeout: limits.LOGIN_TIMEOUT_MS + 2 * SWEEP_INTERVAL_MS,
    drainTimeout: limits.FRAME_TIMEOUT_MS,
    maxTopicLevels: TOPIC_LEVELS_MAX,
    preConnect: (client, packet, done) => {
      sessionOf(client.conn).connecting(packet);
      loginIds.set(client, packet.clientId);
      // Ids of our own: two connections of one device never meet in the broker, whichever id they gave.
      connections += 1;
      packet.clientId = String(connections);
      done(null, true);
    },
    authenticate: (client, _username, password, done) => void authenticate(client, password, done, onError),
    authorizePublish: (client, packet, done) => {
      if (client === null) done(new Error("a publish of nobody"));
      else sessionOf(client.conn).publish(packet, done);
    },
    authorizeSubscribe: (client, subscription, done) => {
      done(null, sessionOf(client.conn).maySubscribe(subscription.topic) ? subscription : null);
    },
  });
  await broker.listen();
  broker.on("clientError", (client, error) => sessionOf(client.conn).failed(error));
  broker.on("connectionError", (client, error) => sessionOf(client.conn).failed(error));
  // Its types do not know this event.
  (broker as EventEmitter).on("error", onError);
  return {
    handle: (context, connection, remoteAddress) => {
      new MqttSession(context, connection, remoteAddress, deliver);
      broker.handle(connection);
    },
    close: () => broker.close(),
  };
}

/** `owntracks/<user>/<device>/<kind>` with room to spare. */
const TOPIC_LEVELS_MAX = 10;

/** The client ids that the clients gave, until their login is decided. */
const loginIds = new WeakMap<Client, string>();

/** Past the broker's own distribution: a subscriber that reads slowly holds up nobody but itself. */
const deliver: Deliver = (connection, topic, payload) => {
  const { client } = connection as Duplex & { client?: Client };
  const packet = { cmd: "publish", qos: 1, dup: false, retain: false, topic, payload } as const;
  client?.publish(packet, () => undefined);
};

type Done = (error: AuthenticateError | null, success: boolean | null) => void;

async function authenticate(
  client: Client,
  password: Readonly<Buffer> | undefined,
  done: Done,
  onError: (error: unknown) => void,
): Promise<void> {
  const session = sessionOf(client.conn);
  const clientId = loginIds.get(client) ?? "";
  loginIds.delete(client);
  try {
    const refusal = await session.logIn(clientId, password as Uint8Array | undefined);
    if (refusal === undefined) done(null, true);
    else done(Object.assign(new Error(refusal), { returnCode: returnCodeOf(refusal) }), null);
  } catch (error) {
    onError(error);
    session.abort("defect");
  }
}

/**
 * A broker in which publishes of devices go no further than their acknowledgement: no other device may subscribe to them,
 * so storing, matching and counting them would be work for nobody, with a queue that a slow subscriber fills.
 */
class DeviceBroker extends Aedes {
  override publish(packet: PublishPacket, ...rest: PublishArguments): void {
    const [client, done] = rest.length === 1 ? [null, rest[0]] : rest;
    if (client === null) super.publish(packet, done);
    else done();
  }
}

type PublishDone = (error?: Error) => void;
type PublishArguments = [done: PublishDone] | [client: Client | null, done: PublishDone];
