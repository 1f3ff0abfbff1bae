import { Buffer } from "node:buffer";

/** Bytes inside of a state that is kept as JSON: there they are text. */
export class Packed {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  toJSON(): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length).toString("base64");
  }
}

/** The bytes of a state that may have been stored in between. */
export function unpacked(packed: Packed | string): Uint8Array {
  return typeof packed === "string" ? Buffer.from(packed, "base64") : packed.bytes;
}
