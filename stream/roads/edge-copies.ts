import type { RoadNetwork } from "./network-file.ts";

type Copies = Pick<RoadNetwork, "edgeFrom" | "copiedEdge">;

/** Number of edges that are no copies; these come first. */
export function countOriginals({ edgeFrom, copiedEdge }: Copies): number {
  return edgeFrom.length - copiedEdge.length;
}

/** The directed edge that a copy stands for; any other edge as it is. */
export function originalOf(roads: Copies, directed: number): number {
  const copy = (directed >> 1) - countOriginals(roads);
  return copy < 0 ? directed : roads.copiedEdge[copy]! * 2 + (directed & 1);
}

type Column = Uint8Array | Uint32Array | Int32Array | Float32Array;

/** The graph with copies of some of its edges at the end, shapes and all. The junctions do not list them among their exits. */
export function appendCopies<Graph extends { readonly edgeShape: Uint32Array }>(
  graph: Graph,
  copied: Uint32Array,
): Graph {
  if (copied.length === 0) return graph;
  const { edgeShape } = graph;
  const edges = edgeShape.length - 1;
  const shapes = shapesWithCopies(edgeShape, copied);
  const longer: Record<string, unknown> = { ...graph, edgeShape: shapes };
  for (const [name, column] of Object.entries(graph) as [string, Column][]) {
    if (name.startsWith("shape")) {
      const points = enlarged(column, shapes.at(-1)!);
      copied.forEach((edge, k) => {
        points.set(column.subarray(edgeShape[edge], edgeShape[edge + 1]), shapes[edges + k]);
      });
      longer[name] = points;
    } else if (name.startsWith("edge") && name !== "edgeShape") {
      const rows = enlarged(column, edges + copied.length);
      copied.forEach((edge, k) => {
        rows[edges + k] = column[edge]!;
      });
      longer[name] = rows;
    }
  }
  return longer as Graph;
}

function shapesWithCopies(edgeShape: Uint32Array, copied: Uint32Array): Uint32Array {
  const shapes = enlarged(edgeShape, edgeShape.length + copied.length);
  copied.forEach((edge, k) => {
    const end = edgeShape.length + k;
    shapes[end] = shapes[end - 1]! + edgeShape[edge + 1]! - edgeShape[edge]!;
  });
  return shapes;
}

function enlarged<C extends Column>(column: C, length: number): C {
  const longer = Reflect.construct(column.constructor, [length]) as C;
  longer.set(column);
  return longer;
}
