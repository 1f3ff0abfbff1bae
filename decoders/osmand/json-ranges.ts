/**
 * Where the elements of a batch stand in a JSON text, so that a record sent again in another batch is known by its bytes.
 *
 * The text must already be known to be valid JSON. Ranges are byte offsets, half-open.
 */
export type ByteRange = { start: number; end: number };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENERS = new Set([0x7b, 0x5b]);
const CLOSERS = new Set([0x7d, 0x5d]);
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** The elements of the array that opens at `arrayStart`. */
export function elementRanges(text: Uint8Array, arrayStart: number): ByteRange[] {
  const ranges: ByteRange[] = [];
  let depth = 0;
  let start = arrayStart + 1;
  for (let at = arrayStart; at < text.length; at++) {
    const byte = text[at]!;
    if (byte === QUOTE) at = stringEnd(text, at);
    else if (OPENERS.has(byte)) depth++;
    else if (byte === COMMA && depth === 1) {
      ranges.push(trim(text, start, at));
      start = at + 1;
    } else if (CLOSERS.has(byte) && --depth === 0) {
      const last = trim(text, start, at);
      if (last.end > last.start) ranges.push(last);
      return ranges;
    }
  }
  return ranges;
}

/** Offset of the value of `key` in the object that the text is, -1 where it has none. The last of equal keys counts. */
export function valueStart(text: Uint8Array, key: string): number {
  const quoted = Buffer.from(JSON.stringify(key));
  let found = -1;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!;
    if (OPENERS.has(byte)) depth++;
    else if (CLOSERS.has(byte)) depth--;
    else if (byte === QUOTE) {
      const end = stringEnd(text, at);
      const colon = skipSpaces(text, end + 1);
      const isKey = depth === 1 && text[colon] === 0x3a && quoted.equals(text.subarray(at, end + 1));
      if (isKey) found = skipSpaces(text, colon + 1);
      at = end;
    }
  }
  return found;
}

/** The object or array that opens at `start`. */
export function nestedRange(text: Uint8Array, start: number): ByteRange {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const byte = text[at]!;
    if (byte === QUOTE) at = stringEnd(text, at);
    else if (OPENERS.has(byte)) depth++;
    else if (CLOSERS.has(byte) && --depth === 0) return { start, end: at + 1 };
  }
  return { start, end: text.length };
}

/** Offset of the closing quote of the string that opens at `start`. */
function stringEnd(text: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1;
  return at;
}

export function skipSpaces(text: Uint8Array, start: number): number {
  let at = start;
  while (at < text.length && SPACES.has(text[at]!)) at++;
  return at;
}

function trim(text: Uint8Array, start: number, end: number): ByteRange {
  const from = skipSpaces(text, start);
  let to = end;
  while (to > from && SPACES.has(text[to - 1]!)) to--;
  return { start: from, end: to };
}
