import type { ProtocolDecoder } from "#decoders/decoder.ts";
import type { AckLatency } from "../ack-latency.ts";
import type { GatewayDeps, ListenerSpec } from "../gateway-deps.ts";
import type { GatewayMetrics, Tally } from "../metrics.ts";
import type { SharedContext } from "../session-context.ts";
import type { PhoneRequest } from "./phone-request.ts";

/** What requests of one protocol are read and counted with. */
export type HttpProtocol = { decoder: ProtocolDecoder; tally: Tally; ackLatency: AckLatency };

export type HttpContext = SharedContext & {
  /** Counts connections, whatever comes on them. */
  tally: Tally;
  protocols: Readonly<Record<PhoneRequest["protocol"], HttpProtocol>>;
};

export function openHttpContext(
  spec: ListenerSpec,
  deps: GatewayDeps,
  shared: SharedContext,
  metrics: GatewayMetrics,
): HttpContext {
  const open = (protocol: PhoneRequest["protocol"]): HttpProtocol => {
    const decoder = deps.findDecoder(protocol);
    if (decoder === undefined) throw new Error(`no decoder is registered for ${protocol}`);
    return { decoder, tally: metrics.openTally(protocol, spec.transport), ackLatency: metrics.ackLatency(protocol) };
  };
  const protocols = { osmand: open("osmand"), owntracks: open("owntracks") };
  return { ...shared, protocols, tally: protocols.osmand.tally };
}
