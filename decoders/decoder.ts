/**
 * The contract of a protocol. Bytes in, values out: a decoder is pure and synchronous, reads no clock, writes no log and
 * never throws on input. Hostile bytes are values with a `kind`.
 */

/** One spelling of each protocol, everywhere. */
export type ProtocolName = "teltonika" | "queclink" | "gt06" | "owntracks" | "osmand";

/** How a frame reached us; some protocols lay the same records out differently per transport. */
export type Transport = "tcp" | "udp" | "mqtt" | "http";

/** Why a delimited frame is refused: it is skipped, counted and quarantined, never acknowledged. */
export type RejectReason = "checksum" | "length" | "count" | "codec" | "login" | "format" | "oversize";

/** Why framing is lost: the connection must be closed. */
export type FatalReason = "preamble" | "oversize" | "login";

/** The next step of delimiting a byte stream. `needed` is the total number of bytes wanted before asking again. */
export type FrameResult =
  | { kind: "frame"; frame: Uint8Array; consumed: number }
  | { kind: "incomplete"; needed: number }
  | { kind: "rejected"; consumed: number; reason: RejectReason }
  | { kind: "fatal"; reason: FatalReason };

/**
 * What the gateway needs to know of a frame, without interpreting positions.
 *
 * `keep` says whether the frame carries something worth storing; only kept frames are journalled. The answer (`ack`, or
 * `accept` for a login) leaves after the commit of a kept frame. `deviceUid` is present where the frame names its device.
 */
export type Envelope =
  | { kind: "login"; deviceUid: string; keep: boolean; accept: Uint8Array; refuse: Uint8Array }
  | { kind: "data"; deviceUid?: string; keep: true; recordCount: number; ack?: Uint8Array }
  | { kind: "heartbeat"; deviceUid?: string; keep: boolean; ack?: Uint8Array }
  | { kind: "commandReply"; deviceUid?: string; keep: true; ack?: Uint8Array };

export type AttributeValue = string | number | boolean | null | AttributeValue[] | { [name: string]: AttributeValue };

/** Dotted attribute names (`battery.voltage`), values in the unit that the attribute table documents. */
export type Attributes = { [name: string]: AttributeValue };

/**
 * One report of a device, normalised by its profile: SI units, WGS 84 degrees, UTC.
 *
 * A `fix` carries a position (or says with `valid: false` that the device had none: `latDeg` and `lonDeg` are then null);
 * a `status` carries none by nature. `timeMs` is the time the device gave, null where it gave none.
 */
export type Report = {
  kind: "fix" | "status" | "login" | "heartbeat" | "commandReply";
  timeMs: number | null;
  valid: boolean;
  latDeg: number | null;
  lonDeg: number | null;
  altitudeM: number | null;
  speedMps: number | null;
  headingDeg: number | null;
  satellites: number | null;
  hdop: number | null;
  /** Radius of the horizontal 68 % error circle where the device states one, in metres. */
  accuracyM: number | null;
  /** Dotted name of what made the device report now (`ignition.on`), null for a periodic report. */
  event: string | null;
  /** The device says that it kept this report while it was offline. */
  buffered: boolean;
  attributes: Attributes;
  /** The bytes of this report inside its frame: half-open offsets. Identical resent records have identical bytes. */
  bytesStart: number;
  bytesEnd: number;
};

/** What is known of the device besides the frame. All of it is stored with the frame or the device: decoding repeats. */
export type DecodeContext = {
  transport: Transport;
  /** Uid of the session or registry; null when nobody knows. */
  deviceUid: string | null;
  /** Device model from the registry (`FMB120`, `GV300`); null picks the protocol's generic profile. */
  model: string | null;
  /** When the gateway received the frame, Unix milliseconds; for protocols that abbreviate dates. */
  receivedAtMs: number;
  /** Secrets and options of this device by name (payload key, time zone …), as registered. */
  settings?: Attributes;
  /** What an earlier frame of the same device asked to remember (a login's time zone, say). */
  memory?: Attributes;
};

/** Why an intact frame can't be understood; it is quarantined with its bytes and decoded again when the decoder learns. */
export type UndecodableReason = "codec" | "layout" | "encrypted" | "value" | "unsupported";

export type DecodeResult =
  | { kind: "decoded"; reports: Report[]; deviceUid?: string; memory?: Attributes }
  | { kind: "undecodable"; reason: UndecodableReason; detail: string };

/** Delimits the frames of one connection; the instance may hold reassembly state and belongs to that connection. */
export type StreamFramer = {
  /** Looks at the bytes received and not yet consumed. Never reads past their end, never keeps a view of them. */
  next(bytes: Uint8Array): FrameResult;
};

export type ProtocolDecoder = {
  readonly protocol: ProtocolName;
  /** Largest frame believed, in bytes; a bound on the memory of one session. */
  readonly frameBytesMax: number;
  openStream(): StreamFramer;
  /** One datagram is one frame: `frame` or `rejected`. */
  readDatagram(bytes: Uint8Array): FrameResult;
  /**
   * Reads what the gateway needs from a delimited frame; `rejected` where it is not sound after all. `receivedAtMs` is
   * for answers that tell the device the time; without it such a question gets no answer.
   */
  envelope(
    frame: Uint8Array,
    transport: Transport,
    receivedAtMs?: number,
  ): Envelope | { kind: "rejected"; reason: RejectReason };
  decode(frame: Uint8Array, context: DecodeContext): DecodeResult;
  /**
   * For reading captured frames without a session: who a captured login names, whether or not the capture is sound.
   * Absent where every frame names its device. Never used on what arrives over a network.
   */
  identify?(bytes: Uint8Array): { deviceUid: string; memory: Attributes } | undefined;
  /**
   * For reading captured messages from text: the frame of a line that says more than bytes do (an HTTP request, a topic).
   * Undefined where the line is not such text. Absent where bytes say everything.
   */
  frameOfLine?(line: string): { frame: Uint8Array; transport: Transport } | undefined;
};
