/** The PUBACKs of one connection that are to leave with one write. */
export class Pubacks {
  /** The packet identifiers of what they acknowledge. */
  readonly #messageIds: number[] = [];

  /** True for the first since they were taken. */
  add(messageId: number): boolean {
    return this.#messageIds.push(messageId) === 1;
  }

  /** Their bytes, MQTT 3.1.1 section 3.4; undefined where there are none. */
  take(): Buffer | undefined {
    const ids = this.#messageIds;
    if (ids.length === 0) return undefined;
    const bytes = Buffer.allocUnsafe(4 * ids.length);
    let at = 0;
    for (const id of ids) {
      bytes[at++] = 0x40;
      bytes[at++] = 2;
      bytes[at++] = id >> 8;
      bytes[at++] = id & 0xff;
    }
    ids.length = 0;
    return bytes;
  }
}
