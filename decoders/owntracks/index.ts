import type { ProtocolDecoder } from "../decoder.ts";
import { cutMessage, MESSAGE_BYTES_MAX, readMessage } from "../message-frame.ts";
import { decode, readEnvelope } from "./decode.ts";
import { frameOfLine } from "./frame-of-line.ts";

export const owntracks: ProtocolDecoder = {
  protocol: "owntracks",
  frameBytesMax: MESSAGE_BYTES_MAX,
  openStream: () => ({ next: cutMessage }),
  readDatagram: readMessage,
  envelope: readEnvelope,
  decode,
  frameOfLine,
};

export { PAYLOAD_KEY_SETTING } from "./decode.ts";
export {
  commandMessage,
  encryptedPayload,
  locationPayload,
  type OwnTracksCommand,
} from "./encode.ts";
export { frameOf, frameOfPost, uidOfTopic } from "./frame.ts";
