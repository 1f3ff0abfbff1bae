import type { Duplex } from "node:stream";
import type { MqttSession } from "./mqtt-session.ts";

const SESSION = Symbol("session");
type GatedConnection = Duplex & { [SESSION]?: MqttSession };

/**
 * Lets the session decide what the broker reads from its connection. The broker takes all that a connection holds and
 * starts on all its packets at once; a stream of our own in between would do as well, and take another 2 kB for each
 * idle connection.
 */
export function gateReads(connection: GatedConnection, session: MqttSession): void {
  connection[SESSION] = session;
  connection.read = gatedRead;
  connection.push = gatedPush;
  connection.on("close", onClose);
}

/** The session of a connection that the broker holds. */
export function sessionOf(connection: GatedConnection): MqttSession {
  const session = connection[SESSION];
  if (session === undefined) throw new Error("a connection of the broker has no session");
  return session;
}

/** Reads past the gate: what the connection itself would give. */
export function readUngated(connection: Duplex, size?: number): Buffer | null {
  return (Object.getPrototypeOf(connection) as Duplex).read.call(connection, size) as Buffer | null;
}

function gatedRead(this: GatedConnection, size?: number): Buffer | null {
  return size === 0 ? readUngated(this, 0) : (this[SESSION]?.incoming.read() ?? null);
}

/**
 * What comes in while nothing is left of before is offered to the session first: what it takes needs no buffer and no
 * `readable` event, a tenth of what a publish costs.
 */
function gatedPush(this: GatedConnection, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  let rest = chunk;
  if (chunk !== null && this.readableLength === 0) {
    rest = this[SESSION]?.incoming.takeFirst(chunk) ?? chunk;
    if (rest.length === 0) return true;
  }
  return (Object.getPrototypeOf(this) as Duplex).push.call(this, rest, encoding);
}

function onClose(this: GatedConnection): void {
  this[SESSION]?.connectionClosed();
}
