import { FRAME_BYTES_MAX } from "./layout.ts";

/**
 * The packet in hand, always in the same place. Every packet is copied here before its records are read (35 ns for one
 * record): its own bytes may be a `Buffer` or a `Uint8Array` and lie anywhere, and a `DataView` of them costs 100 ns to
 * make, whereas constant arrays let the compiler write address and length into the code and read a big-endian number at
 * once. Readers bind them to a constant of their own module, since an imported name is looked up at every use. Records are
 * read at twice the rate (`bench/decode-teltonika.ts`).
 *
 * What lies behind the packet in hand is of earlier ones: nothing may be read there.
 */
export const PACKET_BYTES = new Uint8Array(FRAME_BYTES_MAX);
export const PACKET_VIEW = new DataView(PACKET_BYTES.buffer);
