import type { Attributes, ProtocolName } from "#decoders/decoder.ts";
import type { DeviceStateRow } from "#store/fold-rows.ts";
import { type DeviceFold, foldInitial } from "./fold.ts";
import { type OrderState, orderInitial } from "./order/index.ts";

/** Bump when `OrderState` changes its meaning: kept states of another version start afresh. */
const ORDER_VERSION = 1;

type Versioned<State> = { version: number; state: State };

/** What `device_state.stage_state` holds: one key for each part of the fold. */
type StageState = {
  order?: Versioned<OrderState>;
  memory?: Attributes;
  stages?: DeviceFold["stages"];
};

/** The fold as the last commit left it; undefined is a device that never sent anything. */
export function foldOfRow(row: DeviceStateRow | undefined): DeviceFold {
  if (row === undefined) return foldInitial;
  const kept = row.stageState as StageState;
  const { deviceId: _deviceId, stageState: _stageState, position, counters, ...live } = row;
  return {
    live: {
      ...live,
      position: position === null ? null : { ...position, protocol: position.protocol as ProtocolName },
      counters: { ...foldInitial.live.counters, ...counters },
    },
    order: kept.order?.version === ORDER_VERSION ? kept.order.state : orderInitial,
    memory: kept.memory ?? {},
    stages: kept.stages ?? {},
  };
}

export function rowOfFold(deviceId: number, fold: DeviceFold): DeviceStateRow {
  const stageState: Required<StageState> = {
    order: { version: ORDER_VERSION, state: fold.order },
    memory: fold.memory,
    stages: fold.stages,
  };
  return { deviceId, ...fold.live, stageState };
}
