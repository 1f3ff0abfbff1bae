import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { answerOf } from "#decoders/answer-of.ts";
import type { Envelope, ProtocolDecoder, ProtocolName, RejectReason } from "#decoders/decoder.ts";
import { JournalFrameError } from "#store/journal-errors.ts";
import type { Listening } from "./acceptor.ts";
import type { AckLatency } from "./ack-latency.ts";
import type { CommittedFrame } from "./commands/bytes-of-command.ts";
import { addressKey, plainAddress } from "./connection-limits.ts";
import type { KnownDevice, ListenerSpec } from "./gateway-deps.ts";
import {
  DATAGRAM_ADDRESSES_MAX,
  DATAGRAM_RECEIVE_BUFFER_BYTES,
  DATAGRAMS_PENDING_BYTES_MAX,
  DATAGRAMS_PENDING_MAX,
  DATAGRAMS_PER_ADDRESS_BURST,
  DATAGRAMS_PER_ADDRESS_PER_SECOND,
} from "./maxima.ts";
import type { Tally } from "./metrics.ts";
import type { SharedContext } from "./session-context.ts";
import { setAside } from "./set-aside.ts";
import { TokenBuckets } from "./token-buckets.ts";

export type DatagramContext = SharedContext & {
  protocol: ProtocolName;
  decoder: ProtocolDecoder;
  tally: Tally;
  ackLatency: AckLatency;
};

export type DatagramListening = Listening & {
  /** Resolves when no datagram is waiting for its commit, then closes the socket. */
  drained(): Promise<void>;
  close(): void;
  sweep(monotonicMs: number): void;
};

/**
 * Receives datagrams. There is no session: each names its device, is committed, and then answered. A source address can
 * be forged, so nobody unregistered gets an answer, and no answer is longer than what asked for it.
 */
export async function openDatagramListener(spec: ListenerSpec, context: DatagramContext): Promise<DatagramListening> {
  const socket = createSocket({
    type: isIPv6(context.limits.HOST) ? "udp6" : "udp4",
    recvBufferSize: DATAGRAM_RECEIVE_BUFFER_BYTES,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ port: spec.port, address: context.limits.HOST }, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  const receiver = new Receiver(context, socket);
  socket.on("message", receiver.receive.bind(receiver));
  socket.on("error", context.onListenerError);
  const { address, port } = socket.address();
  return {
    spec,
    address,
    port,
    stop: () => {
      receiver.isStopped = true;
    },
    drained: () => receiver.drained(),
    close: () => socket.close(),
    sweep: (monotonicMs) => receiver.addresses.sweep(monotonicMs),
  };
}

/** Protocols whose devices take a command as a datagram. Teltonika documents none for its UDP channel. */
const TAKES_COMMANDS: ReadonlySet<ProtocolName> = new Set(["queclink"]);

/** A datagram, and where it came from. */
type Source = { datagram: Uint8Array; peer: RemoteInfo; remoteAddress: string; receivedAtMs: number };

class Receiver {
  readonly #context: DatagramContext;
  readonly #socket: Socket;
  readonly #pending = new Set<Promise<void>>();
  #pendingBytes = 0;
  readonly addresses = new TokenBuckets(
    DATAGRAMS_PER_ADDRESS_PER_SECOND,
    DATAGRAMS_PER_ADDRESS_BURST,
    DATAGRAM_ADDRESSES_MAX,
  );
  isStopped = false;

  constructor(context: DatagramContext, socket: Socket) {
    this.#context = context;
    this.#socket = socket;
  }

  receive(datagram: Uint8Array, peer: RemoteInfo): void {
    const { tally, monotonicMs } = this.#context;
    const remoteAddress = plainAddress(peer.address);
    const receivedAtMs = monotonicMs();
    tally.bytesReceived += datagram.length;
    if (this.isStopped) tally.refusals.draining += 1;
    else if (this.#context.isStandby()) tally.refusals.standby += 1;
    else if (!this.addresses.take(addressKey(remoteAddress), receivedAtMs)) tally.refusals.datagramRate += 1;
    else if (!this.#hasRoomFor(datagram.length)) tally.refusals.datagramsPending += 1;
    else {
      const handled = this.#handle(datagram, peer, remoteAddress, receivedAtMs);
      this.#pending.add(handled);
      this.#pendingBytes += datagram.length;
      void handled.finally(() => {
        this.#pending.delete(handled);
        this.#pendingBytes -= datagram.length;
      });
    }
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#pending.size < DATAGRAMS_PENDING_MAX && this.#pendingBytes + bytes <= DATAGRAMS_PENDING_BYTES_MAX;
  }

  async drained(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #handle(datagram: Uint8Array, peer: RemoteInfo, remoteAddress: string, receivedAtMs: number): Promise<void> {
    const { decoder } = this.#context;
    const step = decoder.readDatagram(datagram);
    if (step.kind !== "frame") {
      this.#reject(datagram, step.kind === "rejected" ? step.reason : "length", remoteAddress);
      return;
    }
    const envelope = decoder.envelope(step.frame, "udp");
    if (envelope.kind === "rejected") {
      this.#reject(datagram, envelope.reason, remoteAddress);
      return;
    }
    if (envelope.deviceUid === undefined) {
      this.#context.tally.frames[envelope.keep ? "beforeLogin" : "unkept"] += 1;
      return;
    }
    const device = await this.#admit(envelope.deviceUid, remoteAddress, receivedAtMs);
    if (device === undefined) return;
    const from = { datagram, peer, remoteAddress, receivedAtMs };
    if (envelope.keep) await this.#commit(step.frame, envelope, device, from);
    else await this.#answerUnkept(envelope, device, from);
  }

  /** A sign of life that says nothing: the device asks whether we are here. */
  async #answerUnkept(envelope: Envelope, { deviceId }: KnownDevice, from: Source): Promise<void> {
    this.#context.tally.frames.unkept += 1;
    await this.#answer(answerOf(envelope), from);
    this.#offerWayBack(deviceId, from.peer);
  }

  async #admit(uid: string, remoteAddress: string, receivedAtMs: number): Promise<KnownDevice | undefined> {
    const { admit, protocol, tally, knocks, now, monotonicMs, limits } = this.#context;
    const admission = await admit(uid, protocol, () => monotonicMs() - receivedAtMs < limits.LOGIN_TIMEOUT_MS);
    if (admission.kind === "known") return admission.device;
    if (admission.kind === "unknown") {
      knocks.add(uid, protocol, remoteAddress, now());
      tally.frames.unknownDevice += 1;
      tally.refusals.unknownDevice += 1;
    }
    return undefined;
  }

  async #commit(frame: Uint8Array, envelope: Envelope, device: KnownDevice, from: Source): Promise<void> {
    const { journal, protocol, tally, now } = this.#context;
    const { remoteAddress } = from;
    const { deviceId } = device;
    const receivedAtMs = now();
    const kept = { deviceId, protocol, remoteAddress, transport: "udp", kind: "frame", receivedAtMs } as const;
    try {
      const seq = await journal.append({ ...kept, bytes: frame });
      await this.#answer(answerOf(envelope), from);
      this.#offerCommands(deviceId, { seq, bytes: frame, transport: "udp", receivedAtMs }, from.peer);
    } catch (error) {
      if (error instanceof JournalFrameError) {
        this.#reject(from.datagram, "format", remoteAddress);
        return;
      }
      // Not acknowledged: the device sends it again.
      tally.refusals.journal += 1;
      this.#context.onSessionError(error);
      return;
    }
    tally.frames.committed += 1;
    if (envelope.kind === "data") tally.records += envelope.recordCount;
  }

  /** The frame is committed: only now may the device forget it. Resolves when the answer is sent, or is lost. */
  #answer(ack: Uint8Array | undefined, from: Source): Promise<void> {
    const { tally, ackLatency, monotonicMs } = this.#context;
    if (ack === undefined || ack.length > from.datagram.length) return Promise.resolve();
    tally.acks += 1;
    tally.bytesSent += ack.length;
    ackLatency.observe((monotonicMs() - from.receivedAtMs) / 1_000);
    // An answer that can't be sent is an answer that was lost on the way: the device asks again.
    return new Promise((resolve) => this.#socket.send(ack, from.peer.port, from.peer.address, () => resolve()));
  }

  /** What was committed may be an answer; and the device can be reached now. */
  #offerCommands(deviceId: number, frame: CommittedFrame, peer: RemoteInfo): void {
    this.#context.commands?.committed(deviceId, frame);
    this.#offerWayBack(deviceId, peer);
  }

  #offerWayBack(deviceId: number, peer: RemoteInfo): void {
    const { heardLinks, protocol, monotonicMs } = this.#context;
    if (TAKES_COMMANDS.has(protocol))
      heardLinks?.heard(deviceId, protocol, (bytes) => this.#send(bytes, peer), monotonicMs());
  }

  #send(bytes: Uint8Array, { port, address }: RemoteInfo): Promise<boolean> {
    this.#context.tally.bytesSent += bytes.length;
    return new Promise((resolve) => this.#socket.send(bytes, port, address, (error) => resolve(error === null)));
  }

  #reject(bytes: Uint8Array, reason: RejectReason, remoteAddress: string): void {
    setAside(this.#context, { transport: "udp", remoteAddress, device: undefined }, bytes, reason, null);
  }
}
