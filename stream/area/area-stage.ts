import { latLngToCell } from "h3-js";
import type { DeviceStage } from "../stage.ts";

/** H3 resolution of areas: hexagons of 0.1 km², some 200 m along an edge. Coarser ones are made of these. */
export const AREA_RESOLUTION = 9;

/** Names the cell of every position, once, for all that counts by area. */
export const areaStage: DeviceStage<null> = {
  name: "area",
  version: 1,
  initial: null,
  runFrame: (state, items) => ({
    state,
    outputs: items.map((item) => {
      if (item.kind !== "fix") return item;
      const { valid, latDeg, lonDeg } = item.fix;
      if (!valid || latDeg === null || lonDeg === null) return item;
      return { kind: "fix" as const, fix: { ...item.fix, cell: latLngToCell(latDeg, lonDeg, AREA_RESOLUTION) } };
    }),
  }),
};
