import { crc32, deflateSync } from "node:zlib";

/** The smallest images that are whole, for tests. `seed` makes their bytes differ. */

export function testPng(seed = 0, extra: readonly [type: string, data: Buffer][] = []): Buffer {
  const header = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0]);
  const pixel = deflateSync(Buffer.from([0, seed & 255, (seed >> 8) & 255, 7]));
  const chunks: [string, Buffer][] = [["IHDR", header], ...extra, ["IDAT", pixel], ["IEND", Buffer.alloc(0)]];
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, ...chunks.map(([type, data]) => pngChunk(type, data))]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

export function testJpeg(seed = 0, comment = "made for a test"): Buffer {
  const text = Buffer.from(comment);
  const app0 = Buffer.from([0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
  const size = text.length + 2;
  const com = Buffer.concat([Buffer.from([0xff, 0xfe, size >> 8, size & 255]), text]);
  const scan = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, seed & 127, 0xff, 0x00, 0x11, 0xff, 0xd0, 0x22]);
  return Buffer.concat([Buffer.from([0xff, 0xd8]), app0, com, scan, Buffer.from([0xff, 0xd9])]);
}

export function testWebp(): Buffer {
  const chunk = Buffer.concat([
    Buffer.from("VP8L"),
    Buffer.from([5, 0, 0, 0]),
    Buffer.from([0x2f, 0, 0, 0, 0]),
    Buffer.alloc(1),
  ]);
  const head = Buffer.alloc(12);
  head.write("RIFF", 0, "latin1");
  head.writeUInt32LE(chunk.length + 4, 4);
  head.write("WEBP", 8, "latin1");
  return Buffer.concat([head, chunk]);
}
