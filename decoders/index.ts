import type { ProtocolDecoder, ProtocolName } from "./decoder.ts";
import { gt06 } from "./gt06/index.ts";
import { osmand } from "./osmand/index.ts";
import { owntracks } from "./owntracks/index.ts";
import { queclink } from "./queclink/index.ts";
import { teltonika } from "./teltonika/index.ts";

/** The registry. Adding a protocol is one folder and one line here. */
export const decoders: { readonly [name in ProtocolName]?: ProtocolDecoder } = {
  teltonika,
  queclink,
  gt06,
  owntracks,
  osmand,
};

/** The decoder of a protocol by its name, as it comes from a command line, a row or a file. */
export function findDecoder(name: string): ProtocolDecoder | undefined {
  return Object.hasOwn(decoders, name) ? decoders[name as ProtocolName] : undefined;
}

export type * from "./decoder.ts";
