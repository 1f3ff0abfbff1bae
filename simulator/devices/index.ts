import type { DeviceProtocol } from "../device.ts";
import { teltonikaTcp, teltonikaUdp } from "./teltonika.ts";

/** Kinds of devices by name. Adding one is one file in this folder and one line here. */
export const deviceProtocols = {
  "teltonika-tcp": teltonikaTcp,
  "teltonika-udp": teltonikaUdp,
} as const satisfies { readonly [name: string]: DeviceProtocol };
