import polyline from "@mapbox/polyline";

/** Of degrees, as said at `PathSegmentRow`. */
const LINE_DECIMALS = 6;

/** A driven line, [latitude, longitude] in degrees, as an encoded polyline. */
export function encodeLine(places: [lat: number, lon: number][]): string {
  return polyline.encode(places, LINE_DECIMALS);
}

export function decodeLine(line: string): [lat: number, lon: number][] {
  return polyline.decode(line, LINE_DECIMALS);
}
