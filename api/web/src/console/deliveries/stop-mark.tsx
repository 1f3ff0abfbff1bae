import type { Standing } from "./day-route.ts";

/** The sign of a stop in lists: its number in the shape and colour of how it stands, as on the map. */
export function StopMark({ standing, number }: { standing: Standing; number: number }) {
  return (
    <span class={`stop-mark ${standing}`} aria-hidden="true">
      <span>{number}</span>
    </span>
  );
}
