import type { EtaPlace } from "./eta.ts";

const PRECISION = 1e5;

/** Google's encoded polyline algorithm, precision 5. */
export function encodePolyline(points: readonly EtaPlace[]): string {
  let text = "";
  let [lat, lon] = [0, 0];
  for (const { latDeg, lonDeg } of points) {
    const [nextLat, nextLon] = [Math.round(latDeg * PRECISION), Math.round(lonDeg * PRECISION)];
    text += encodeNumber(nextLat - lat) + encodeNumber(nextLon - lon);
    [lat, lon] = [nextLat, nextLon];
  }
  return text;
}

/** Five bits a character, lowest first; the sign goes last. */
function encodeNumber(value: number): string {
  let rest = value < 0 ? ~(value << 1) : value << 1;
  let text = "";
  while (rest >= 0x20) {
    text += String.fromCharCode((0x20 | (rest & 0x1f)) + 63);
    rest >>= 5;
  }
  return text + String.fromCharCode(rest + 63);
}
