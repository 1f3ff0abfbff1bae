import { CONNECT_BYTES_MAX, CONTROL_BYTES_MAX, PUBLISH_BYTES_MAX } from "../maxima.ts";

const CONNECT = 1;
const PUBLISH = 3;
/** A remaining length has at most four bytes of seven bits. */
const LENGTH_SHIFT_MAX = 21;

export type Metered =
  /** So many bytes may go on; fewer than were given once `packetsMax` packets have ended. */
  | { kind: "pass"; byteCount: number }
  /** A packet that is longer than its type may be, or another than CONNECT at first. */
  | { kind: "refused"; reason: "oversize" | "framing" };

/**
 * Counts MQTT packets in the bytes of a connection and refuses a packet by its header, before it is gathered: the
 * broker's parser believes lengths of up to 256 MB.
 *
 *     fixed header   type (4 bits), flags (4 bits), remaining length (1 to 4 bytes, 7 bits each, lowest first)
 *     rest           remaining length bytes
 *
 * Source: MQTT 3.1.1, section 2.2.
 */
export class PacketMeter {
  #isFirst = true;
  #phase: "type" | "length" | "rest" = "type";
  #type = 0;
  #shift = 0;
  #rest = 0;

  /** True when a packet has begun whose end has not been seen. */
  get isInside(): boolean {
    return this.#phase !== "type";
  }

  take(bytes: Uint8Array, packetsMax: number): Metered {
    let at = 0;
    for (let packets = 0; packets < packetsMax && at < bytes.length; ) {
      if (this.#phase === "rest") {
        const taken = Math.min(this.#rest, bytes.length - at);
        at += taken;
        this.#rest -= taken;
      } else {
        const reason = this.#header(bytes[at]!);
        if (reason !== undefined) return { kind: "refused", reason };
        at += 1;
      }
      if (this.#phase !== "rest" || this.#rest > 0) continue;
      this.#phase = "type";
      packets += 1;
    }
    return { kind: "pass", byteCount: at };
  }

  #header(byte: number): "oversize" | "framing" | undefined {
    if (this.#phase === "type") {
      this.#type = byte >> 4;
      this.#phase = "length";
      this.#shift = 0;
      this.#rest = 0;
      const isConnect = this.#type === CONNECT;
      const isExpected = isConnect === this.#isFirst;
      this.#isFirst = false;
      return isExpected ? undefined : "framing";
    }
    this.#rest += (byte & 0x7f) << this.#shift;
    if (this.#rest > bytesMaxOf(this.#type)) return "oversize";
    if (byte < 0x80) this.#phase = "rest";
    else if (this.#shift === LENGTH_SHIFT_MAX) return "framing";
    this.#shift += 7;
    return undefined;
  }
}

function bytesMaxOf(type: number): number {
  if (type === CONNECT) return CONNECT_BYTES_MAX;
  return type === PUBLISH ? PUBLISH_BYTES_MAX : CONTROL_BYTES_MAX;
}
