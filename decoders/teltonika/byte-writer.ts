/** Big-endian bytes that grow as they are written. A value outside its field throws `RangeError`. */
export class ByteWriter {
  private readonly parts: Uint8Array[] = [];

  uint(value: number, size: number): this {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** (size * 8)) {
      throw new RangeError(`${value} does not fit ${size} unsigned bytes`);
    }
    return this.bytes(integerBytes(value, size));
  }

  int(value: number, size: number): this {
    const limit = 2 ** (size * 8 - 1);
    if (!Number.isSafeInteger(value) || value < -limit || value >= limit) {
      throw new RangeError(`${value} does not fit ${size} signed bytes`);
    }
    return this.bytes(integerBytes(value, size));
  }

  float(value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value);
    return this.bytes(bytes);
  }

  bytes(bytes: Uint8Array): this {
    this.parts.push(bytes);
    return this;
  }

  finish(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.parts));
  }
}

/** An integer in two's complement, highest byte first. */
export function integerBytes(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let at = size - 1; at >= 0; at--) {
    bytes[at] = rest;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}
