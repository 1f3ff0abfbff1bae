import type { ProtocolDecoder } from "../decoder.ts";
import { decode } from "./decode.ts";
import { readEnvelope } from "./envelope.ts";
import { FRAME_BYTES_MAX, nextFrame, readDatagram } from "./frame.ts";
import { identify } from "./login.ts";

export const gt06: ProtocolDecoder = {
  protocol: "gt06",
  frameBytesMax: FRAME_BYTES_MAX,
  openStream: () => ({ next: nextFrame }),
  readDatagram,
  envelope: readEnvelope,
  decode,
  identify,
};

export {
  command,
  commandReply,
  encodeFrame,
  heartbeat,
  location,
  login,
  reply,
  timeReply,
} from "./encode.ts";
export { ZONE_MEMORY, ZONE_SETTING } from "./login.ts";
