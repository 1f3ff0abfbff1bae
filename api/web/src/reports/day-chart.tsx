import { useWidth } from "./chart-width.ts";
import { percentWords } from "./figures.ts";

type DayChartProps = {
  title: string;
  days: readonly { day: string; bar: number | null; dot: number | null }[];
  bar: string;
  dot: string;
};

const PLOT_PX = 150;
const TOP_PX = 12;
const LEFT_PX = 44;
const LABEL_PX = 58;
const TICKS = [0, 0.5, 1];

/** A bar and a dot for each day, both shares. The table below it says the same. */
export function DayChart({ title, days, bar, dot }: DayChartProps) {
  const { ref, widthPx } = useWidth<HTMLDivElement>();
  const stepPx = (widthPx - LEFT_PX) / Math.max(1, days.length);
  const y = (share: number) => TOP_PX + (1 - share) * PLOT_PX;
  const everyDays = Math.ceil(LABEL_PX / stepPx);
  return (
    <div ref={ref} class="chart">
      <p class="legend small">
        <svg width="14" height="14" aria-hidden="true">
          <rect class="bar" width="14" height="14" />
        </svg>
        {bar}
        <svg width="14" height="14" aria-hidden="true">
          <circle class="dot-figure" cx="7" cy="7" r="5" />
        </svg>
        {dot}
      </p>
      <svg role="img" aria-label={`${title}. The table says the same.`} width={widthPx} height={TOP_PX + PLOT_PX + 28}>
        {TICKS.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={LEFT_PX} x2={widthPx} y1={y(tick)} y2={y(tick)} />
            <text x={LEFT_PX - 6} y={y(tick) + 4} text-anchor="end">
              {percentWords(tick)}
            </text>
          </g>
        ))}
        {days.map(({ day, bar: share, dot: other }, i) => {
          const middle = LEFT_PX + (i + 0.5) * stepPx;
          const halfPx = Math.min(24, Math.max(1, stepPx * 0.35));
          return (
            <g key={day}>
              {share !== null && (
                <rect class="bar" x={middle - halfPx} y={y(share)} width={2 * halfPx} height={PLOT_PX * share} />
              )}
              {other !== null && <circle class="dot-figure" cx={middle} cy={y(other)} r={Math.min(5, halfPx)} />}
              {i % everyDays === 0 && (
                <text x={middle} y={TOP_PX + PLOT_PX + 18} text-anchor="middle">
                  {day.slice(5)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </div>
  );
}
