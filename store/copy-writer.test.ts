import { expect, test } from "vitest";
import { BinaryReader } from "./binary-read.ts";
import { POSTGRES_EPOCH_MS } from "./binary-values.ts";
import { CopyWriter } from "./copy-writer.ts";

const SIGNATURE_BYTES = 19;
const FIXED_FIELDS = 40;

/** The fields of every row; null where they are. */
function rowsOf(message: Buffer): (Buffer | null)[][] {
  const rows: (Buffer | null)[][] = [];
  let at = SIGNATURE_BYTES;
  for (;;) {
    const fields = message.readInt16BE(at);
    at += 2;
    if (fields < 0) break;
    rows.push(
      Array.from({ length: fields }, () => {
        const bytes = message.readInt32BE(at);
        at += 4;
        if (bytes < 0) return null;
        at += bytes;
        return message.subarray(at - bytes, at);
      }),
    );
  }
  expect(at).toBe(message.length);
  return rows;
}

test("fields are whole wherever the buffer grows, behind texts, arrays and fields of fixed width", () => {
  const copy = new CopyWriter();
  copy.begin(0);
  const texts = Array.from({ length: 400 }, (_, index) => "naïve 漢字 🚚 ".repeat(index % 37));
  for (const [index, text] of texts.entries()) {
    copy.row(4 + FIXED_FIELDS);
    copy.text(text);
    copy.jsonb(JSON.stringify(text));
    copy.int4s([index, -1]);
    copy.byteStrings([Buffer.from(text)]);
    for (let field = 0; field < FIXED_FIELDS; field++) copy.int64(index);
  }
  const rows = rowsOf(copy.end(0));
  expect(rows).toHaveLength(texts.length);
  for (const [index, [text, json, int4s, bytes, ...fixed]] of rows.entries()) {
    expect(String(text)).toBe(texts[index]);
    expect(String(json)).toBe(`\u0001${JSON.stringify(texts[index])}`);
    expect([int4s!.readInt32BE(24), int4s!.readInt32BE(32)]).toEqual([index, -1]);
    expect(bytes!.subarray(24).toString()).toBe(texts[index]);
    expect(fixed.map((field) => field!.readBigInt64BE())).toEqual(Array(FIXED_FIELDS).fill(BigInt(index)));
  }
});

test("an array of a few texts and very many nulls is whole", () => {
  const copy = new CopyWriter();
  copy.begin(0);
  copy.row(1);
  const values = Array.from({ length: 50_000 }, (_, index) => (index % 20_000 === 0 ? `${index}` : null));
  copy.texts(values);
  const [[texts]] = rowsOf(copy.end(0)) as [[Buffer]];
  expect(new BinaryReader(texts).texts()).toEqual(values);
});

test("a message begins behind its head, over the one before, and what was taken back is not in it", () => {
  const copy = new CopyWriter();
  copy.begin(0);
  copy.row(1);
  copy.text("of the message before");
  copy.begin(7);
  copy.row(3);
  copy.time(POSTGRES_EPOCH_MS + 0.001);
  copy.nulls(2);
  const { at } = copy;
  copy.row(1);
  copy.rewind(at);
  const message = copy.end(5);
  const [time, ...others] = rowsOf(message.subarray(7, -5))[0]!;
  expect([time!.readBigInt64BE(), others]).toEqual([1n, [null, null]]);
});
