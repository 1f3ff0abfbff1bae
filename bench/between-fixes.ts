import { haversineM } from "#stream/roads/geometry.ts";
import type { Trace } from "./trace-sets.ts";

/**
 * A trace whose truth begins at its first fix and ends at its last. Truth that lies before or after is nothing that a matcher can
 * know: at 30 s a vehicle drives on for 150 m on average, and Newson and Krumm's truth begins 209 m before its first fix.
 */
export function betweenFixes(trace: Trace): Trace {
  const fromM = trace.fixes[0]?.at(-1) as number;
  const toM = trace.fixes.at(-1)?.at(-1) as number;
  const routeM = trace.route.reduce((sum, [, , lengthM]) => sum + lengthM, 0);
  return { ...trace, route: cutRoute(trace.route, fromM, toM), ...cutLine(trace.geom, fromM / routeM, toM / routeM) };
}

function cutRoute(route: Trace["route"], fromM: number, toM: number): Trace["route"] {
  let startM = 0;
  return route.flatMap(([wayId, direction, lengthM]): Trace["route"] => {
    const keptM = Math.min(toM, startM + lengthM) - Math.max(fromM, startM);
    startM += lengthM;
    return keptM > 0 ? [[wayId, direction, keptM]] : [];
  });
}

/** The points of a line between two shares of its length, and the two ends. */
function cutLine(line: Trace["geom"], fromShare: number, toShare: number): { geom?: Trace["geom"] } {
  if (line === undefined) return {};
  const alongM = [0];
  for (let i = 1; i < line.length; i++) alongM.push(alongM[i - 1]! + haversineM(...line[i - 1]!, ...line[i]!));
  const [fromM, toM] = [fromShare * alongM.at(-1)!, toShare * alongM.at(-1)!];
  const pointAt = (metres: number): [number, number] => {
    const next = Math.max(
      1,
      alongM.findIndex((along) => along >= metres),
    );
    const share = (metres - alongM[next - 1]!) / (alongM[next]! - alongM[next - 1]! || 1);
    const [[latA, lonA], [latB, lonB]] = [line[next - 1]!, line[next]!];
    return [latA + share * (latB - latA), lonA + share * (lonB - lonA)];
  };
  return { geom: [pointAt(fromM), ...line.filter((_, i) => alongM[i]! > fromM && alongM[i]! < toM), pointAt(toM)] };
}
