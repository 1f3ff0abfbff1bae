import { useEffect, useState } from "preact/hooks";
import { indexAt, type TrackPoint } from "./day-track.ts";
import { ageWords, clockWords, speedWords } from "./words.ts";

type TimeSliderProps = {
  points: readonly TrackPoint[];
  index: number;
  choose: (timeMs: number) => void;
  /** Stay at the newest position, also when another comes. */
  followEnd: () => void;
};

const TICK_MS = 100;
/** A minute of the day passes in a second. */
const PLAYED_MS_PER_TICK = 6_000;
/** From here on a pause between two positions is worth a word. */
const GAP_WORTH_SAYING_MS = 120_000;

/** A slider from position to position; Arrow keys go one by one, Page Up and Down by a tenth. */
export function TimeSlider({ points, index, choose, followEnd }: TimeSliderProps) {
  const [playing, setPlaying] = useState(false);
  const last = points.length - 1;
  const point = points[index]!;
  const gapMs = index === 0 ? 0 : point.timeMs - points[index - 1]!.timeMs;
  const words = `${clockWords(point.timeMs)}, ${speedWords(point.fix.speedMps)}`;
  const goTo = (to: number) => (to >= last ? followEnd() : choose(points[to]!.timeMs));

  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => {
      // A silence is skipped: one tick always comes to another position.
      const next = Math.max(index + 1, indexAt(points, point.timeMs + PLAYED_MS_PER_TICK));
      if (next >= last) setPlaying(false);
      goTo(next);
    }, TICK_MS);
    return () => clearTimeout(timer);
  }, [playing, index, points]);

  return (
    <div class="slider">
      <button
        type="button"
        class="button"
        aria-pressed={playing}
        onClick={() => {
          if (!playing && index === last) goTo(0);
          setPlaying(!playing);
        }}
      >
        {playing ? "Pause" : "Play"}
      </button>
      <input
        type="range"
        min={0}
        max={last}
        value={index}
        aria-label="Time of the day"
        aria-valuetext={words}
        onInput={(event) => {
          setPlaying(false);
          goTo(Number(event.currentTarget.value));
        }}
      />
      <output class="small slider-words">
        {words}
        {gapMs > GAP_WORTH_SAYING_MS && <span class="soft">, after {ageWords(gapMs)} of silence</span>}
      </output>
    </div>
  );
}
