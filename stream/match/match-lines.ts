import type { RoadNetwork } from "../roads/network-file.ts";
import { FinalMatcher } from "./final.ts";
import { appendGeometry, collectStretches, drivenWays, pointAt, type Stretch } from "./legs.ts";
import type { MatchFix } from "./match-fix.ts";
import { MatchState } from "./match-state.ts";
import { parseLine } from "./parse-line.ts";
import type { PathStep } from "./path-tree.ts";
import { Viterbi } from "./viterbi.ts";

export interface MatchLines {
  roads: RoadNetwork;
  /** Answer each point at once from what came before it, instead of each trace when it is complete. */
  online: boolean;
  lines: AsyncIterable<string>;
  write: (line: string) => void;
}

interface TraceMatcher {
  add(fix: MatchFix): void;
  finish(): void;
}

/** The `match` command: points as JSON lines in, matched points and one path a trace as JSON lines out. */
export async function matchLines({ roads, online, lines, write }: MatchLines): Promise<void> {
  const open = online ? openOnline(roads, write) : openFinal(roads, write);
  let trace: string | undefined;
  let matcher: TraceMatcher | undefined;
  let lastTimeMs = Number.NEGATIVE_INFINITY;
  let number = 0;
  const fail = (code: string, detail: string): void => write(JSON.stringify({ line: number, error: { code, detail } }));
  for await (const line of lines) {
    number++;
    const parsed = parseLine(line);
    if (parsed.kind === "blank") continue;
    if (parsed.kind === "error") {
      fail(parsed.code, parsed.detail);
      continue;
    }
    if (parsed.trace !== trace || matcher === undefined) {
      matcher?.finish();
      trace = parsed.trace;
      matcher = open(trace);
      lastTimeMs = Number.NEGATIVE_INFINITY;
    }
    if (parsed.fix.timeMs < lastTimeMs) {
      fail("notInOrder", "points of a trace must be ordered by time");
      continue;
    }
    lastTimeMs = parsed.fix.timeMs;
    matcher.add(parsed.fix);
  }
  matcher?.finish();
}

function openOnline(roads: RoadNetwork, write: (line: string) => void): (trace: string) => TraceMatcher {
  const viterbi = new Viterbi(roads);
  return (trace) => {
    const state = new MatchState();
    const steps: PathStep[] = [];
    const decided = (step: PathStep): void => void steps.push(step);
    return {
      add: (fix) => {
        const answer = viterbi.step(state, fix, decided);
        if (answer.directed < 0) write(unmatchedLine(trace, fix, answer.confidence, answer.offRoad));
        else
          write(
            matchedLine(
              roads,
              trace,
              fix.timeMs,
              answer.latE7 / 1e7,
              answer.lonE7 / 1e7,
              answer.directed,
              answer.confidence,
            ),
          );
      },
      finish: () => {
        viterbi.finish(state, decided);
        write(pathLine(roads, trace, collectStretches(roads, steps, state.fixes)));
      },
    };
  };
}

function openFinal(roads: RoadNetwork, write: (line: string) => void): (trace: string) => TraceMatcher {
  const final = new FinalMatcher(roads);
  return (trace) => {
    const fixes: MatchFix[] = [];
    return {
      add: (fix) => void fixes.push(fix),
      finish: () => {
        const { placed, confidence, stretches } = final.match(fixes);
        fixes.forEach((fix, i) => {
          const at = placed[i];
          if (at === undefined) {
            write(unmatchedLine(trace, fix, confidence[i]!, true));
            return;
          }
          const [lat, lon] = pointAt(roads, at.directed, at.offsetM);
          write(matchedLine(roads, trace, fix.timeMs, lat, lon, at.directed, confidence[i]!));
        });
        write(pathLine(roads, trace, stretches));
      },
    };
  };
}

/** Written by hand: JSON.stringify of the same object costs three times as much. */
function matchedLine(
  roads: RoadNetwork,
  trace: string,
  timeMs: number,
  lat: number,
  lon: number,
  directed: number,
  confidence: number,
): string {
  const wayId = roads.wayId[roads.edgeWay[directed >> 1]!]!;
  const forward = (directed & 1) === 0;
  return `{"trace":${trace},"timeMs":${timeMs},"lat":${degrees(lat)},"lon":${degrees(lon)},"wayId":${wayId},"forward":${forward},"confidence":${share(confidence)},"offRoad":false}`;
}

function unmatchedLine(trace: string, fix: MatchFix, confidence: number, offRoad: boolean): string {
  return `{"trace":${trace},"timeMs":${fix.timeMs},"lat":${fix.lat},"lon":${fix.lon},"wayId":null,"forward":null,"confidence":${share(confidence)},"offRoad":${offRoad}}`;
}

function pathLine(roads: RoadNetwork, trace: string, stretches: readonly Stretch[]): string {
  const path = drivenWays(roads, stretches).map((way) => ({ ...way, lengthM: Math.round(way.lengthM * 100) / 100 }));
  const geometry: [number, number][] = [];
  for (const { legs } of stretches) appendGeometry(roads, legs, geometry);
  return `{"trace":${trace},"path":${JSON.stringify(path)},"geometry":${JSON.stringify(geometry)}}`;
}

function degrees(value: number): number {
  return Math.round(value * 1e7) / 1e7;
}

function share(value: number): number {
  return Math.round(value * 1000) / 1000;
}
