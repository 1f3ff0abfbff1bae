import type { ProtocolDecoder } from "../decoder.ts";
import { cutMessage, MESSAGE_BYTES_MAX, readMessage } from "../message-frame.ts";
import { decode, readEnvelope } from "./decode.ts";
import { frameOfLine } from "./frame-of-line.ts";

export const osmand: ProtocolDecoder = {
  protocol: "osmand",
  frameBytesMax: MESSAGE_BYTES_MAX,
  openStream: () => ({ next: cutMessage }),
  readDatagram: readMessage,
  envelope: readEnvelope,
  decode,
  frameOfLine,
};

export { positionFrame, positionsFrame } from "./encode.ts";
export { frameOf, type OsmAndRequest } from "./frame.ts";
