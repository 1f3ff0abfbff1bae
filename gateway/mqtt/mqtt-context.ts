import type { AckLatency } from "../ack-latency.ts";
import type { ListenerSpec, ListenerTransport } from "../gateway-deps.ts";
import type { GatewayMetrics, Tally } from "../metrics.ts";
import type { SharedContext } from "../session-context.ts";
import { TurnEnds } from "./turn-ends.ts";

/** What the MQTT sessions of one listener have in common. */
export type MqttContext = SharedContext & {
  transport: ListenerTransport;
  tally: Tally;
  ackLatency: AckLatency;
  turnEnds: TurnEnds;
};

export function openMqttContext(spec: ListenerSpec, shared: SharedContext, metrics: GatewayMetrics): MqttContext {
  return {
    ...shared,
    transport: spec.transport,
    tally: metrics.openTally(spec.protocol, spec.transport),
    ackLatency: metrics.ackLatency(spec.protocol),
    turnEnds: new TurnEnds(),
  };
}
