import type { PathSegmentRow } from "#store/track-rows.ts";
import { haversineM } from "../roads/geometry.ts";
import { decodeLine, encodeLine } from "./line.ts";

/**
 * What it takes of a segment. One that late fixes brought names the time that it belongs to: within it nothing else was
 * driven, whatever was said before or is decided later.
 */
export type PathPiece = Pick<
  PathSegmentRow,
  "frameSeq" | "enteredMs" | "leftMs" | "lengthM" | "line" | "revisedFromMs" | "revisedToMs"
>;

type Revision = { frameSeq: number; fromMs: number; toMs: number };
type Span = readonly [fromMs: number, toMs: number];

/** The path as it is known now: later revisions before earlier ones, and any before what was said live; by time. */
export function revisedPath<Piece extends PathPiece>(pieces: readonly Piece[]): Piece[] {
  const revisions = new Map<string, Revision>();
  for (const { frameSeq, revisedFromMs, revisedToMs } of pieces)
    if (revisedFromMs !== null && revisedToMs !== null)
      revisions.set(`${frameSeq}|${revisedFromMs}`, { frameSeq, fromMs: revisedFromMs, toMs: revisedToMs });
  if (revisions.size === 0) return [...pieces];
  const all = [...revisions.values()];
  return pieces
    .flatMap((piece) => {
      const { frameSeq, revisedFromMs } = piece;
      if (revisedFromMs === null) return remains(piece, all);
      // One frame may revise several times; they are in order as well.
      const isLater = (revision: Revision): boolean =>
        revision.frameSeq > frameSeq || (revision.frameSeq === frameSeq && revision.fromMs > revisedFromMs);
      return remains(piece, all.filter(isLater));
    })
    .sort((a, b) => a.enteredMs - b.enteredMs || a.leftMs - b.leftMs);
}

/** What is left of a piece outside of revisions. */
function remains<Piece extends PathPiece>(piece: Piece, revisions: readonly Revision[]): Piece[] {
  const { enteredMs, leftMs } = piece;
  const covers = ({ fromMs, toMs }: Revision): boolean =>
    enteredMs === leftMs ? fromMs <= enteredMs && enteredMs < toMs : fromMs < leftMs && enteredMs < toMs;
  const covering = revisions.filter(covers);
  if (covering.length === 0) return [piece];
  if (enteredMs === leftMs) return [];
  let spans: Span[] = [[enteredMs, leftMs]];
  for (const { fromMs, toMs } of covering)
    spans = spans.flatMap(([from, to]): Span[] => [
      ...(from < fromMs ? [[from, Math.min(to, fromMs)] as const] : []),
      ...(to > toMs ? [[Math.max(from, toMs), to] as const] : []),
    ]);
  return spans.map((span) => cut(piece, span));
}

/** The part of a piece that was driven in this time, at an even speed. */
function cut<Piece extends PathPiece>(piece: Piece, [fromMs, toMs]: Span): Piece {
  const { enteredMs, leftMs } = piece;
  const shareOf = (timeMs: number): number => (timeMs - enteredMs) / (leftMs - enteredMs);
  const line = cutLine(decodeLine(piece.line), shareOf(fromMs), shareOf(toMs));
  return {
    ...piece,
    enteredMs: fromMs,
    leftMs: toMs,
    lengthM: piece.lengthM * (shareOf(toMs) - shareOf(fromMs)),
    line: encodeLine(line),
  };
}

function cutLine(line: readonly [number, number][], fromShare: number, toShare: number): [lat: number, lon: number][] {
  const alongM = [0];
  for (let i = 1; i < line.length; i++) alongM.push(alongM[i - 1]! + haversineM(...line[i - 1]!, ...line[i]!));
  const totalM = alongM.at(-1)!;
  const [fromM, toM] = [fromShare * totalM, toShare * totalM];
  const pointAt = (metres: number): [number, number] => {
    const found = alongM.findIndex((along) => along >= metres);
    const next = Math.max(1, found < 0 ? line.length - 1 : found);
    const [[latA, lonA], [latB, lonB]] = [line[next - 1]!, line[next]!];
    const share = (metres - alongM[next - 1]!) / (alongM[next]! - alongM[next - 1]! || 1);
    return [latA + share * (latB - latA), lonA + share * (lonB - lonA)];
  };
  const within = line.filter((_, i) => alongM[i]! > fromM && alongM[i]! < toM);
  return line.length < 2 ? [...line] : [pointAt(fromM), ...within, pointAt(toM)];
}
