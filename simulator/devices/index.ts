import type { DeviceProtocol } from "../device.ts";
import { gt06Tcp } from "./gt06.ts";
import { osmandJson, osmandQuery } from "./osmand.ts";
import { owntracksHttp, owntracksMqtt } from "./owntracks.ts";
import { queclinkTcp, queclinkUdp } from "./queclink.ts";
import { teltonikaTcp, teltonikaUdp } from "./teltonika.ts";

/** Kinds of devices by name. Adding one is one file in this folder and one line here. */
export const deviceProtocols = {
  "teltonika-tcp": teltonikaTcp,
  "teltonika-udp": teltonikaUdp,
  "queclink-tcp": queclinkTcp,
  "queclink-udp": queclinkUdp,
  "gt06-tcp": gt06Tcp,
  "owntracks-mqtt": owntracksMqtt,
  "owntracks-http": owntracksHttp,
  "osmand-query": osmandQuery,
  "osmand-json": osmandJson,
} as const satisfies { readonly [name: string]: DeviceProtocol };

export type DeviceKind = keyof typeof deviceProtocols;
