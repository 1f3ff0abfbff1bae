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
  alarm,
  command,
  commandReply,
  encodeFrame,
  type Gt06Location,
  type Gt06State,
  heartbeat,
  location,
  login,
  reply,
  timeReply,
} from "./encode.ts";
export { TYPE_MEMORY, ZONE_MEMORY, ZONE_SETTING } from "./login.ts";
