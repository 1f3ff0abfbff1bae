import { POSTGRES_EPOCH_MS, TWO_TO_32 } from "./binary-values.ts";

/**
 * Reads values one after another out of what the server's `…send` functions give, PostgreSQL's binary format, which
 * `binary.ts` writes. The driver knows results as text only: it would parse arrays character by character.
 */
export class BinaryReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  int2(): number {
    const value = this.#buffer.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int4(): number {
    const value = this.#buffer.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  int8(): number {
    return this.int4() * TWO_TO_32 + (this.int4() >>> 0);
  }

  /** Of an array without nulls. */
  int4s(): number[] {
    const values = new Array<number>(this.#arrayLength());
    for (let index = 0; index < values.length; index++) {
      this.#length();
      values[index] = this.int4();
    }
    return values;
  }

  /** Of an array of timestamptz without nulls, in Unix milliseconds with their fraction. */
  timesMs(): number[] {
    const values = new Array<number>(this.#arrayLength());
    for (let index = 0; index < values.length; index++) {
      this.#length();
      values[index] = this.int8() / 1000 + POSTGRES_EPOCH_MS;
    }
    return values;
  }

  texts(): (string | null)[] {
    const values = new Array<string | null>(this.#arrayLength());
    for (let index = 0; index < values.length; index++) {
      const bytes = this.#length();
      values[index] = bytes < 0 ? null : this.#buffer.toString("utf8", this.#at, this.#at + bytes);
      this.#at += Math.max(0, bytes);
    }
    return values;
  }

  /** Of an array without nulls; parts of what is read, which stays in memory with each of them. */
  byteStrings(): Buffer[] {
    const values = new Array<Buffer>(this.#arrayLength());
    for (let index = 0; index < values.length; index++) {
      const end = this.#length() + this.#at;
      values[index] = this.#buffer.subarray(this.#at, end);
      this.#at = end;
    }
    return values;
  }

  /** Dimensions (one, or none when it is empty), whether there are nulls, the type; the length and the lower bound. */
  #arrayLength(): number {
    const dimensions = this.int4();
    this.#at += 8;
    if (dimensions === 0) return 0;
    const length = this.int4();
    this.#at += 4;
    return length;
  }

  /** Of the element that follows; negative for null. */
  #length(): number {
    return this.int4();
  }
}
