import { useState } from "preact/hooks";
import { searchUnits, stateOf, type Unit, type UnitState } from "./fleet.ts";
import type { PanelProps } from "./panel.ts";
import { ageWords, motionWords, STATE_WORDS } from "./words.ts";

const STATES = ["live", "delayed", "stale", "offline", "unheard"] as const satisfies readonly UnitState[];
/** More rows than this say nothing that a search would not say better. */
const ROWS_MAX = 200;

/** Every vehicle with how fresh it is; search and filter; select by click or keyboard. */
export function VehiclesPanel({ watch, fleet, nowMs, selectedId, select, announce }: PanelProps) {
  const [text, setText] = useState("");
  const [only, setOnly] = useState<UnitState | null>(null);
  const stateById = new Map(fleet.units.map((unit) => [unit.id, stateOf(unit, nowMs, watch.thresholds)]));
  const found = searchUnits(fleet.units, text);
  const countOf = (state: UnitState) => found.filter(({ id }) => stateById.get(id) === state).length;
  const shown = only === null ? found : found.filter(({ id }) => stateById.get(id) === only);
  return (
    <>
      <div class="finder">
        <div class="field">
          <label for="search">Search by name, kind or device</label>
          <input
            id="search"
            class="input"
            type="search"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
        <fieldset class="states">
          <legend class="visually-hidden">Show only</legend>
          {STATES.filter((state) => state === only || countOf(state) > 0).map((state) => (
            <button
              key={state}
              type="button"
              class="button state-filter"
              aria-pressed={only === state}
              onClick={() => setOnly(only === state ? null : state)}
            >
              <i class={`dot ${state}`} aria-hidden="true" />
              {STATE_WORDS[state]} {countOf(state)}
            </button>
          ))}
        </fieldset>
      </div>
      <ul class="units" aria-label="Vehicles">
        {shown.slice(0, ROWS_MAX).map((unit) => (
          <li key={unit.id}>
            <UnitRow
              unit={unit}
              state={stateById.get(unit.id)!}
              nowMs={nowMs}
              selected={unit.id === selectedId}
              select={() => {
                select(unit.id);
                announce(`${unit.name} selected`);
              }}
            />
          </li>
        ))}
      </ul>
      <p class="small soft rest">
        {fleet.units.length === 0 && "No vehicle and no device is registered yet."}
        {fleet.units.length > 0 && shown.length === 0 && "Nothing matches."}
        {shown.length > ROWS_MAX && `${shown.length - ROWS_MAX} more: search to see them.`}
      </p>
    </>
  );
}

type UnitRowProps = { unit: Unit; state: UnitState; nowMs: number; selected: boolean; select: () => void };

function UnitRow({ unit, state, nowMs, selected, select }: UnitRowProps) {
  const { fix } = unit;
  return (
    <button type="button" class="unit" aria-current={selected} onClick={select}>
      <i class={`dot ${state}`} aria-hidden="true" />
      <span class="unit-name">{unit.name}</span>
      <span class="unit-speed small">{state === "live" && fix ? motionWords(fix.speedMps) : ""}</span>
      <span class="unit-state small soft">
        {STATE_WORDS[state]}
        {fix && ` · ${ageWords(nowMs - Date.parse(fix.time))} ago`} · {unit.kind}
      </span>
    </button>
  );
}
