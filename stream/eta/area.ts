import type { EtaPlace } from "./eta.ts";

/**
 * Areas of about a kilometre (0.01° of latitude by 0.02° of longitude): traffic is learned by them and errors are shown by
 * them. The key is `lat index × 36,000 + lon index`, both counted from −90° and −180°.
 */
const PER_LAT_DEG = 100;
const PER_LON_DEG = 50;
const COLUMNS = 36_000;

export function areaOf(latDeg: number, lonDeg: number): number {
  return Math.floor((latDeg + 90) * PER_LAT_DEG) * COLUMNS + Math.floor((lonDeg + 180) * PER_LON_DEG);
}

export function areaCentre(area: number): EtaPlace {
  const row = Math.floor(area / COLUMNS);
  return { latDeg: (row + 0.5) / PER_LAT_DEG - 90, lonDeg: (area - row * COLUMNS + 0.5) / PER_LON_DEG - 180 };
}
