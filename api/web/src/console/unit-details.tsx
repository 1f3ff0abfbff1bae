import { useEffect, useRef } from "preact/hooks";
import { DayTrack } from "./day-track-view.tsx";
import { bestPlaceOf, type FixJson } from "./fix.ts";
import { stateOf, type Unit, type UnitState } from "./fleet.ts";
import type { PanelProps } from "./panel.ts";
import { SilenceCauses } from "./silence-causes.tsx";
import { ageWords, headingWords, isMoving, motionWords, STATE_WORDS } from "./words.ts";

/** What is known of one vehicle: now, its day, and why it is silent if it is. */
export function UnitDetails({ unit, ...props }: PanelProps & { unit: Unit }) {
  const { watch, nowMs, select, client, map } = props;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const state = stateOf(unit, nowMs, watch.thresholds);
  const close = () => {
    select(null);
    document.querySelector<HTMLElement>(".unit[aria-current=true]")?.focus();
  };
  return (
    <section
      class="details card"
      aria-labelledby="details-title"
      onKeyDown={(event) => {
        if (event.key === "Escape") close();
      }}
    >
      <div class="details-head">
        <h2 id="details-title" ref={heading} tabIndex={-1}>
          {unit.name}
        </h2>
        <button type="button" class="button plain" onClick={close}>
          Close<span class="visually-hidden"> details of {unit.name}</span>
        </button>
      </div>
      <Freshness unit={unit} state={state} nowMs={nowMs} />
      {unit.fix && <Facts fix={unit.fix} unit={unit} />}
      {state !== "live" && unit.deviceUid !== null && <SilenceCauses client={client} deviceUid={unit.deviceUid} />}
      {unit.deviceUid !== null && (
        <DayTrack client={client} watch={watch} map={map} deviceUid={unit.deviceUid} nowMs={nowMs} />
      )}
    </section>
  );
}

function Freshness({ unit: { fix }, state, nowMs }: { unit: Unit; state: UnitState; nowMs: number }) {
  const age = fix && ageWords(nowMs - Date.parse(fix.time));
  return (
    <p class="freshness">
      <i class={`dot ${state}`} aria-hidden="true" />
      <strong>{STATE_WORDS[state]}</strong>
      {fix === null && <span> · it has not sent a position yet</span>}
      {fix !== null && state === "live" && (
        <span>
          {" "}
          · {courseWords(fix)}, {age} ago
        </span>
      )}
      {fix !== null && state !== "live" && <span> · last seen {age} ago; it may be anywhere now</span>}
    </p>
  );
}

function courseWords({ speedMps, headingDeg }: FixJson): string {
  const course = headingDeg !== null && isMoving(speedMps) ? ` to the ${headingWords(headingDeg)}` : "";
  return motionWords(speedMps) + course;
}

function Facts({ fix, unit }: { fix: FixJson; unit: Unit }) {
  const [lon, lat] = bestPlaceOf(fix)!;
  const rows: [string, string][] = [
    ["Position", `${lat.toFixed(5)}, ${lon.toFixed(5)}`],
    ["Known by", knownBy(fix)],
    ["Device", `${unit.deviceUid} (${fix.protocol})`],
    ["Satellites", fix.satellites === null ? "not said" : String(fix.satellites)],
  ];
  return (
    <>
      <dl class="facts small">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt class="soft">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {Object.keys(fix.attributes).length > 0 && (
        <details class="small">
          <summary>Everything that it reported</summary>
          <dl class="facts attributes">
            {Object.entries(fix.attributes).map(([name, value]) => (
              <div key={name}>
                <dt class="soft">{name}</dt>
                <dd>{typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}

function knownBy({ matched, smoothed, accuracyM }: FixJson): string {
  if (matched) return `the road it is on, ${Math.round(matched.confidence * 100)} % sure`;
  if (smoothed) return `smoothing, within ${Math.round(smoothed.sigmaM)} m`;
  return accuracyM === null ? "the device alone" : `the device alone, within ${Math.round(accuracyM)} m`;
}
