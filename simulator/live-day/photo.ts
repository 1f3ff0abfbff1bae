import { crc32, deflateSync } from "node:zlib";
import { between, pick, type Random } from "../random.ts";

const WIDTH = 160;
const HEIGHT = 120;
const RGB = 2;

/** A parcel on a doorstep, drawn: a PNG (ISO/IEC 15948) that is different for every delivery. */
export function drawPhoto(random: Random): Uint8Array {
  const wall = tint(random, 150, 215);
  const step = tint(random, 90, 130);
  const parcel = [between(random, 160, 200), between(random, 115, 145), between(random, 70, 95)];
  const left = 30 + pick(random, 60);
  const top = 45 + pick(random, 25);
  const rows = Buffer.alloc(HEIGHT * (1 + WIDTH * 3));
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const isParcel = x >= left && x < left + 54 && y >= top && y < top + 38;
      const isTape = isParcel && Math.abs(x - left - 27) < 3;
      const colour = isTape ? [225, 215, 190] : isParcel ? parcel : y > 82 ? step : wall;
      const grain = between(random, -6, 6);
      const at = y * (1 + WIDTH * 3) + 1 + x * 3;
      colour.forEach((value, part) => {
        rows[at + part] = Math.max(0, Math.min(255, Math.round(value + grain)));
      });
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header.set([8, RGB, 0, 0, 0], 8);
  const signature = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND")]);
}

function tint(random: Random, low: number, high: number): number[] {
  const grey = between(random, low, high);
  return [grey, grey + between(random, -12, 12), grey + between(random, -18, 8)];
}

/** Length, type, data and the checksum of both. */
function chunk(type: string, data: Uint8Array = new Uint8Array()): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
