import type { ProtocolName, Transport } from "#decoders/decoder.ts";
import type { JournalWriter } from "#store/journal.ts";
import type { KnownDevice, ListenerTransport } from "./gateway-deps.ts";
import { NOTES_PENDING_MAX } from "./maxima.ts";
import type { CloseReason, NoteKind, SideTally } from "./metrics.ts";

/**
 * How a device proved that it is the one it says: its id only, the network it came from, an encrypted connection, or a
 * client certificate or password of its own.
 */
export type AuthLevel = "id" | "network" | "tls" | "clientCertificate" | "password";

/** `sessions`: live sessions of the device once this note holds; a `disconnected` with 1 left is a takeover. */
export type ConnectedNote = { authLevel: AuthLevel; transport: ListenerTransport; sessions: number };
export type DisconnectedNote = ConnectedNote & {
  closeReason: CloseReason;
  durationMs: number;
  frames: number;
  rejectedFrames: number;
};
export type ConflictNote = {
  authLevel: AuthLevel;
  previousAuthLevel: AuthLevel;
  previousAddress: string;
  /** Silence of the older session: a short one speaks for two devices, a long one for a lost connection. */
  previousSilentMs: number;
};

/** Whom a note is about, and how its connection came; `tcp` unless told. */
export type NoteSubject = {
  device: KnownDevice;
  protocol: ProtocolName;
  remoteAddress: string;
  atMs: number;
  transport?: Transport;
};

type NoteBody = { connected: ConnectedNote; disconnected: DisconnectedNote; conflict: ConflictNote };

const encoder = new TextEncoder();

/**
 * Journals the gateway's own notes about sessions. They are appended in order with the frames, and never waited for: a
 * note that fails is counted and forgotten.
 */
export class Notes {
  readonly #journal: JournalWriter;
  readonly #tallies: Record<NoteKind, SideTally>;
  readonly #pending = new Set<Promise<void>>();

  constructor(journal: JournalWriter, tallies: Record<NoteKind, SideTally>) {
    this.#journal = journal;
    this.#tallies = tallies;
  }

  write<Kind extends NoteKind>(kind: Kind, about: NoteSubject, body: NoteBody[Kind]): void {
    if (this.#pending.size >= NOTES_PENDING_MAX) {
      this.#tallies[kind].limited += 1;
      return;
    }
    const appended = this.#append(kind, about, encoder.encode(JSON.stringify(body)));
    this.#pending.add(appended);
    void appended.finally(() => this.#pending.delete(appended));
  }

  /** Resolves when every note written so far was committed or has failed. */
  async flush(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #append(kind: NoteKind, about: NoteSubject, bytes: Uint8Array): Promise<void> {
    try {
      await this.#journal.append({
        deviceId: about.device.deviceId,
        kind,
        protocol: about.protocol,
        transport: about.transport ?? "tcp",
        receivedAtMs: about.atMs,
        remoteAddress: about.remoteAddress,
        bytes,
      });
      this.#tallies[kind].stored += 1;
    } catch {
      this.#tallies[kind].failed += 1;
    }
  }
}
