/** Small readings of bytes that several parts of the decoder share. */

export function hexOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("hex");
}

/** Text without trailing zeros, undefined where a byte is neither printable ASCII nor white space. */
export function printableText(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1").replace(/\0+$/, "");
  return /^[\t\n\r\x20-\x7e]*$/.test(text) ? text : undefined;
}

/** An unsigned big-endian integer of 8 bytes in decimal digits. */
export function uint64Digits(bytes: Uint8Array, at: number): string {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigUint64(0).toString();
}
