import { ticks } from "d3-array";
import { useWidth } from "./chart-width.ts";
import type { Estimate } from "./report-json.ts";

type IntervalChartProps = {
  title: string;
  /** What is on the axis. */
  axis: string;
  rows: readonly { name: string; estimate: Estimate }[];
  /** What the axis shows at least. */
  range: readonly [number, number];
  words: (value: number) => string;
  /** As `words`, without the unit that the axis names. */
  tickWords: (value: number) => string;
  /** Where it should be, and how far around that is still good. */
  target?: { value: number; around: number; words: string };
};

const ROW_PX = 44;
const AXIS_PX = 46;
const TOP_PX = 22;
const NAME_PX = 128;
const END_PX = 26;
const TICK_PX = 64;

/** A dot for each figure and a line for its 95 % interval. The table beside it says the same. */
export function IntervalChart({ title, axis, rows, range, words, tickWords, target }: IntervalChartProps) {
  const { ref, widthPx } = useWidth<HTMLDivElement>();
  const values = rows.flatMap(({ estimate: { value, low, high } }) => [value, low ?? value, high ?? value]);
  const [least, most] = [Math.min(range[0], ...values), Math.max(range[1], ...values)];
  const heightPx = TOP_PX + rows.length * ROW_PX + AXIS_PX;
  const bottomPx = TOP_PX + rows.length * ROW_PX;
  const x = (value: number) => NAME_PX + ((value - least) / (most - least)) * (widthPx - NAME_PX - END_PX);
  return (
    <div ref={ref} class="chart">
      <svg role="img" aria-label={`${title}. The table says the same.`} width={widthPx} height={heightPx}>
        {target && (
          <>
            <rect
              class="target-band"
              x={x(target.value - target.around)}
              y={TOP_PX}
              width={x(target.value + target.around) - x(target.value - target.around)}
              height={bottomPx - TOP_PX}
            />
            <line class="target" x1={x(target.value)} x2={x(target.value)} y1={TOP_PX} y2={bottomPx} />
            <text x={Math.min(x(target.value), widthPx - END_PX)} y={TOP_PX - 8} text-anchor="end">
              {target.words}
            </text>
          </>
        )}
        {ticks(least, most, Math.max(2, Math.floor((widthPx - NAME_PX) / TICK_PX))).map((tick) => (
          <g key={tick}>
            <line class="grid" x1={x(tick)} x2={x(tick)} y1={TOP_PX} y2={bottomPx + 4} />
            <text x={x(tick)} y={bottomPx + 20} text-anchor="middle">
              {tickWords(tick)}
            </text>
          </g>
        ))}
        <text class="axis-name" x={widthPx - END_PX} y={bottomPx + 40} text-anchor="end">
          {axis}
        </text>
        {rows.map(({ name, estimate: { value, low, high } }, i) => {
          const y = TOP_PX + (i + 0.5) * ROW_PX;
          return (
            <g key={name}>
              <text class="row-name" x={0} y={y + 4}>
                {name}
              </text>
              {low !== null && high !== null && (
                <path
                  class="interval"
                  d={`M${x(low)} ${y - 7}V${y + 7}M${x(low)} ${y}H${x(high)}M${x(high)} ${y - 7}V${y + 7}`}
                />
              )}
              <circle class="figure" cx={x(value)} cy={y} r={6} />
              <text class="value" x={x(value)} y={y - 11} text-anchor="middle">
                {words(value)}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
