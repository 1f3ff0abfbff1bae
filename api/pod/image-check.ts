import { crc32 } from "node:zlib";
import { fileTypeFromBuffer } from "file-type";

/**
 * What an uploaded artefact is, by its bytes alone, and whether it is that and nothing else: every segment is walked to the
 * end of the file. Data after the image, or markup in its metadata, is what makes a file two things at once.
 */

export type ImageCheck = { kind: "image"; mediaType: ImageType } | { kind: "refused"; detail: string };

export type ImageType = "image/jpeg" | "image/png" | "image/webp";

const WALKERS: Readonly<Record<ImageType, (bytes: Buffer) => Walked>> = {
  "image/jpeg": walkJpeg,
  "image/png": walkPng,
  "image/webp": walkWebp,
};

/** `metadata`: the parts that are no picture. */
type Walked = { kind: "walked"; metadata: Buffer[] } | { kind: "refused"; detail: string };

const MARKUP = /<!doctype|<html|<script|<svg|<iframe|<body|<\?php|javascript:/i;

export async function checkImage(bytes: Buffer): Promise<ImageCheck> {
  const sniffed = (await fileTypeFromBuffer(bytes))?.mime;
  const walk = Object.entries(WALKERS).find(([type]) => type === sniffed);
  if (walk === undefined) return { kind: "refused", detail: "It is no JPEG, PNG or WebP image." };
  const walked = walk[1](bytes);
  if (walked.kind === "refused") return walked;
  if (walked.metadata.some((part) => MARKUP.test(part.toString("latin1")))) {
    return { kind: "refused", detail: "There is markup in its metadata." };
  }
  return { kind: "image", mediaType: sniffed as ImageType };
}

const refused = (detail: string): Walked => ({ kind: "refused", detail });
const TRAILING = "There is data after the image.";
const CUT = "The image is cut off or malformed.";

/*
 * JPEG (ITU-T T.81, annex B): FF D8, then segments FF marker length(2, itself included) data; after a scan header (DA)
 * entropy-coded bytes up to the next marker that is neither FF 00 nor a restart (D0 to D7); the end is FF D9.
 */
function walkJpeg(bytes: Buffer): Walked {
  const metadata: Buffer[] = [];
  let hasScan = false;
  for (let at = 2; at + 2 <= bytes.length; ) {
    if (bytes[at] !== 0xff) return refused(CUT);
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xd9) {
      if (!hasScan) return refused(CUT);
      return at + 2 === bytes.length ? { kind: "walked", metadata } : refused(TRAILING);
    }
    if (at + 4 > bytes.length) return refused(CUT);
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (end > bytes.length || end < at + 4) return refused(CUT);
    const isMetadata = marker === 0xfe || (marker >= 0xe0 && marker <= 0xef);
    if (isMetadata) metadata.push(bytes.subarray(at + 4, end));
    at = marker === 0xda ? endOfScan(bytes, end) : end;
    hasScan ||= marker === 0xda;
  }
  return refused(CUT);
}

function endOfScan(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
    const next = bytes[at + 1]!;
    if (next !== 0x00 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  return bytes.length;
}

/* PNG (ISO/IEC 15948, clause 5): signature(8), then chunks length(4) type(4) data crc(4) over type and data; IEND last. */
function walkPng(bytes: Buffer): Walked {
  const metadata: Buffer[] = [];
  let hasData = false;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const end = at + 12 + length;
    if (end > bytes.length) return refused(CUT);
    const type = bytes.toString("latin1", at + 4, at + 8);
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4)) return refused(CUT);
    if (at === 8 && type !== "IHDR") return refused(CUT);
    hasData ||= type === "IDAT";
    if (type === "IEND") {
      if (!hasData || length > 0) return refused(CUT);
      return end === bytes.length ? { kind: "walked", metadata } : refused(TRAILING);
    }
    if (type !== "IDAT") metadata.push(bytes.subarray(at + 8, end - 4));
    at = end;
  }
  return refused(CUT);
}

/* WebP (RFC 9649, section 2.3): RIFF size(4, little endian) WEBP, then chunks name(4) size(4) data, padded to even. */
function walkWebp(bytes: Buffer): Walked {
  const metadata: Buffer[] = [];
  if (bytes.length < 20) return refused(CUT);
  const end = 8 + bytes.readUInt32LE(4);
  if (end > bytes.length) return refused(CUT);
  if (end < bytes.length) return refused(TRAILING);
  let hasData = false;
  let at = 12;
  while (at + 8 <= end) {
    const name = bytes.toString("latin1", at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    const next = at + 8 + size + (size % 2);
    if (next > end) return refused(CUT);
    const isPicture = /^(VP8 |VP8L|ALPH|ANMF)$/.test(name);
    hasData ||= isPicture;
    if (!isPicture) metadata.push(bytes.subarray(at + 8, at + 8 + size));
    at = next;
  }
  return at === end && hasData ? { kind: "walked", metadata } : refused(CUT);
}
