import { colourOf } from "../design/theme.ts";
import type { UnitState } from "./fleet.ts";
import { isMoving } from "./words.ts";

/** The signs of vehicles on the map. Live and delayed are filled, stale and offline hollow; moving ones are arrows. */
export type Marker = { name: string; state: UnitState; isMoving: boolean };

const STATES = ["live", "delayed", "stale", "offline"] as const;
const SIZE_PX = 34;
export const MARKER_RATIO = 2;

export const MARKERS: readonly Marker[] = STATES.flatMap((state) => [
  { name: `page-${state}-moving`, state, isMoving: true },
  { name: `page-${state}-parked`, state, isMoving: false },
]);

/** A speed that is old says nothing of now: stale and offline are never drawn as moving. */
export function markerOf(state: UnitState, speedMps: number | null): Marker {
  const isArrow = (state === "live" || state === "delayed") && isMoving(speedMps);
  const known = state === "unheard" ? "offline" : state;
  return MARKERS.find((marker) => marker.state === known && marker.isMoving === isArrow)!;
}

export function drawMarker({ state, isMoving }: Marker): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE_PX * MARKER_RATIO;
  const context = canvas.getContext("2d")!;
  context.scale(MARKER_RATIO, MARKER_RATIO);
  context.translate(SIZE_PX / 2, SIZE_PX / 2);
  const [colour, surface] = [colourOf(`--${state === "unheard" ? "offline" : state}`), colourOf("--surface")];
  if (isMoving) drawArrow(context, colour, surface);
  else if (state === "live" || state === "delayed") drawDisc(context, colour, surface);
  else drawRing(context, colour, surface, state === "offline");
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function drawArrow(context: CanvasRenderingContext2D, colour: string, edge: string): void {
  context.beginPath();
  context.moveTo(0, -13);
  context.lineTo(9.5, 11);
  context.lineTo(0, 6);
  context.lineTo(-9.5, 11);
  context.closePath();
  fillWithEdge(context, colour, edge);
}

function drawDisc(context: CanvasRenderingContext2D, colour: string, edge: string): void {
  context.beginPath();
  context.arc(0, 0, 8.5, 0, 2 * Math.PI);
  fillWithEdge(context, colour, edge);
}

function fillWithEdge(context: CanvasRenderingContext2D, colour: string, edge: string): void {
  context.lineJoin = "round";
  context.lineWidth = 5;
  context.strokeStyle = edge;
  context.stroke();
  context.fillStyle = colour;
  context.fill();
}

function drawRing(context: CanvasRenderingContext2D, colour: string, ground: string, isCrossed: boolean): void {
  context.beginPath();
  context.arc(0, 0, 8.5, 0, 2 * Math.PI);
  context.fillStyle = ground;
  context.fill();
  context.lineWidth = 2.5;
  context.strokeStyle = colour;
  context.setLineDash(isCrossed ? [] : [4, 2.7]);
  context.stroke();
  if (!isCrossed) return;
  context.beginPath();
  context.moveTo(-6, 6);
  context.lineTo(6, -6);
  context.stroke();
}
