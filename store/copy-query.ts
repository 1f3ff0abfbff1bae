import type { Connection, Submittable } from "pg";

/** Room that `sealCopy` takes in front of the rows, and behind them. */
export const COPY_HEAD_BYTES = 5;
export const COPY_TAIL_BYTES = 5;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const LENGTH_BYTES = 4;

/**
 * A COPY FROM STDIN and the statements behind it, one transaction of one simple query, whose rows leave together with it:
 * the server reads them when it has got so far, and passes over them where the COPY failed. `pg-copy-streams` waits for
 * the server before it sends the first row, and writes each message by itself.
 *
 * Source: PostgreSQL manual, "Frontend/Backend Protocol", sections "COPY Operations" and "Simple Query".
 */
export class CopyQuery implements Submittable {
  readonly #text: string;
  readonly #message: Buffer;
  /** Read by the client library: the query fails after this time. */
  readonly query_timeout: number;
  /** Wrapped by the client library, which is why it is a property. */
  callback: (error?: Error | null) => void;

  /** `message` is what `sealCopy` returned. */
  constructor(text: string, message: Buffer, timeoutMs: number, done: (error?: Error | null) => void) {
    this.#text = text;
    this.#message = message;
    this.query_timeout = timeoutMs;
    this.callback = done;
  }

  submit(connection: Connection): void {
    const { stream } = connection;
    stream.cork();
    connection.query(this.#text);
    stream.write(this.#message);
    stream.uncork();
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback();
  }

  handleCopyInResponse(): void {
    // What it asks for is on its way.
  }

  handleRowDescription(): void {
    // Nothing of what the statements return is wanted.
  }

  handleDataRow(): void {
    // As above.
  }

  handleCommandComplete(): void {
    // The end of the transaction is what counts.
  }
}

/** Makes rows, with the room around them, the message that carries them and the one that ends them. */
export function sealCopy(message: Buffer): Buffer {
  const tail = message.length - COPY_TAIL_BYTES;
  message[0] = COPY_DATA;
  message.writeInt32BE(tail - 1, 1);
  message[tail] = COPY_DONE;
  message.writeInt32BE(LENGTH_BYTES, tail + 1);
  return message;
}
