import { METRES_PER_DEG, metresPerLonDeg } from "../geofence/shape.ts";
import { caseOf } from "./case.ts";
import type { Evidence, StopPlace } from "./evidence.ts";
import { VERDICT_LIMITS } from "./limits.ts";

const SIZE_PX = 320;
const MARGIN_PX = 24;
/** Shown at least, so that noise of a parked van is not blown up to a journey. */
const SPAN_M_MIN = 250;
/** What lies further out is drawn at the edge. */
const SPAN_M_MAX = 12_000;
const TRACK_POINTS_MAX = 200;

type Point = { readonly x: number; readonly y: number };

/**
 * A picture of the evidence without tiles: the stop with its radius, the vehicle's way around the time of the POD, where
 * it and the phone were then, and a scale. North is up. Nothing of the recipient is in it.
 */
export function verdictMap(evidence: Evidence): string {
  const { window, phone, moment } = caseOf(evidence);
  const fixes = window?.fixes ?? [];
  const metres = projection(evidence.stop);
  const track = fixes.map(metres);
  const phones = phone.map(metres);
  const others = evidence.otherStops.map(metres);
  const farthestM = Math.max(0, ...[...track, ...phones].flatMap(({ x, y }) => [Math.abs(x), Math.abs(y)]));
  const halfM = Math.min(SPAN_M_MAX, Math.max(SPAN_M_MIN, farthestM * 1.1));
  const scale = (SIZE_PX / 2 - MARGIN_PX) / halfM;
  const pixel = ({ x, y }: Point): Point => ({ x: place(x * scale), y: place(-y * scale) });
  const step = Math.max(1, Math.ceil(track.length / TRACK_POINTS_MAX));
  const way = track.filter((_, index) => index % step === 0).map(pixel);
  const atPod = fixes.toSorted((a, b) => Math.abs(a.timeMs - moment.atMs) - Math.abs(b.timeMs - moment.atMs))[0];
  const radius = (metre: number): string => (metre * scale).toFixed(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE_PX} ${SIZE_PX}" role="img" aria-label="Stop, vehicle and phone">`,
    `<rect width="${SIZE_PX}" height="${SIZE_PX}" fill="#f6f4ef"/>`,
    circle(pixel({ x: 0, y: 0 }), radius(VERDICT_LIMITS.atStopM), `fill="#2a78d6" fill-opacity=".15" stroke="#2a78d6"`),
    ...others
      .filter(({ x, y }) => Math.max(Math.abs(x), Math.abs(y)) <= halfM)
      .map((at) => circle(pixel(at), "4", `fill="#b5b1a6"`)),
    way.length > 1
      ? `<polyline points="${way.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ")}" fill="none" stroke="#57534a" stroke-width="2"/>`
      : "",
    circle(pixel({ x: 0, y: 0 }), "6", `fill="#2a78d6"`),
    atPod === undefined ? "" : circle(pixel(metres(atPod)), "6", `fill="#57534a" stroke="#fff" stroke-width="1.5"`),
    ...phones.map((at) => circle(pixel(at), "5", `fill="#d9682b" stroke="#fff" stroke-width="1.5"`)),
    scaleBar(scale),
    "</svg>",
  ].join("");
}

function projection(stop: StopPlace): (place: { latDeg: number; lonDeg: number }) => Point {
  const lonScale = metresPerLonDeg(stop.latDeg);
  return ({ latDeg, lonDeg }) => ({
    x: (((lonDeg - stop.lonDeg + 540) % 360) - 180) * lonScale,
    y: (latDeg - stop.latDeg) * METRES_PER_DEG,
  });
}

/** From the middle, kept on the picture. */
function place(offsetPx: number): number {
  const room = SIZE_PX / 2 - MARGIN_PX / 2;
  return SIZE_PX / 2 + Math.max(-room, Math.min(room, offsetPx));
}

const circle = ({ x, y }: Point, r: string, style: string): string =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${r}" ${style}/>`;

function scaleBar(scale: number): string {
  const lengthM = [5_000, 2_000, 1_000, 500, 200, 100, 50].find((metre) => metre * scale <= SIZE_PX / 3) ?? 50;
  const x = MARGIN_PX / 2;
  const y = SIZE_PX - MARGIN_PX / 2;
  const label = lengthM >= 1_000 ? `${lengthM / 1_000} km` : `${lengthM} m`;
  return `<path d="M${x} ${y}h${(lengthM * scale).toFixed(1)}" stroke="#57534a" stroke-width="2"/><text x="${x}" y="${y - 5}" font-family="sans-serif" font-size="11" fill="#57534a">${label}</text>`;
}
