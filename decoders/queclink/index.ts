import type { DecodeContext, DecodeResult, ProtocolDecoder } from "../decoder.ts";
import { decodeAscii } from "./decode-ascii.ts";
import { decodeCompact } from "./decode-compact.ts";
import { decodeHex } from "./decode-hex.ts";
import { readEnvelope } from "./envelope.ts";
import { encodingOf, FRAME_BYTES_MAX, nextFrame, readDatagram } from "./frame.ts";

/** Queclink trackers: @Track in ASCII, HEX and the compact form, over TCP and UDP. */
export const queclink: ProtocolDecoder = {
  protocol: "queclink",
  frameBytesMax: FRAME_BYTES_MAX,
  openStream: () => ({ next: nextFrame }),
  readDatagram,
  envelope: readEnvelope,
  decode,
};

function decode(frame: Uint8Array, context: DecodeContext): DecodeResult {
  const encoding = frame.length < 5 ? undefined : encodingOf(frame);
  switch (encoding?.kind) {
    case undefined:
      return { kind: "undecodable", reason: "layout", detail: "no message of the protocol" };
    case "ascii":
      return decodeAscii(frame, context);
    case "hex":
      return decodeHex(frame);
    case "compact":
      return decodeCompact(frame);
  }
}

export {
  asciiMessage,
  command,
  commandAnswer,
  fixedReport,
  heartbeat,
  hexMessage,
  ignitionReport,
} from "./encode.ts";
