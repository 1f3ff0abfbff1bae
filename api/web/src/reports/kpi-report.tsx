import { useState } from "preact/hooks";
import type { ApiClient } from "../console/api-client.ts";
import type { Named } from "../console/deliveries/day-route.ts";
import { useAsked } from "../console/deliveries/use-asked.ts";
import { CsvButton } from "./csv-button.tsx";
import { DayChart } from "./day-chart.tsx";
import { NOTHING, numberWords, percentWords } from "./figures.ts";
import type { Days, Kpi } from "./report-json.ts";

const GROUPS = { day: "Day", driver: "Driver", vehicle: "Vehicle", route: "Route" } as const;
type Group = keyof typeof GROUPS;

const LISTS: Readonly<Record<Exclude<Group, "day">, string>> = {
  driver: "/v1/drivers?limit=1000",
  vehicle: "/v1/vehicles?limit=1000",
  route: "/v1/routes?limit=1000",
};

/** The key figures of some days: all together, day by day, and by whom they are. */
export function KpiReport({ client, days }: { client: ApiClient; days: Days }) {
  const [group, setGroup] = useState<Group>("day");
  const path = `/v1/reports/kpis?from=${days.from}&to=${days.to}`;
  const all = useAsked<{ data: Kpi[] }>(client, path, 0);
  const byDay = useAsked<{ data: Kpi[] }>(client, `${path}&groupBy=day`, 0);
  const total = all.kind === "said" ? all.said.data[0] : undefined;
  return (
    <section class="card report" aria-labelledby="kpi-title">
      <div class="report-head">
        <h2 id="kpi-title">Key figures</h2>
        <CsvButton
          client={client}
          path={`${path}&groupBy=${group}&format=csv`}
          name={`kpis-${days.from}-${days.to}.csv`}
          of="key figures"
        />
      </div>
      <p class="soft" role="status">
        {all.kind === "refused" && all.why}
        {all.kind === "asking" && "Reading …"}
        {all.kind === "said" && total === undefined && "No stop came to an end on these days."}
      </p>
      {total && <Tiles kpi={total} />}
      {byDay.kind === "said" && byDay.said.data.length > 0 && (
        <figure>
          <figcaption>Day by day</figcaption>
          <DayChart
            title="On time and first attempt by day"
            bar="on time"
            dot="delivered at the first attempt"
            days={byDay.said.data.map((row) => ({
              day: row.group ?? "",
              bar: row.onTimeRate,
              dot: row.firstAttemptRate,
            }))}
          />
        </figure>
      )}
      {total && <KpiTable {...{ client, path, group, setGroup }} />}
    </section>
  );
}

function Tiles({ kpi }: { kpi: Kpi }) {
  const tiles: [string, string, string][] = [
    ["On time", percentWords(kpi.onTimeRate), `of ${kpi.withWindow} stops with a window`],
    ["As promised", percentWords(kpi.slaAdherence), `of ${kpi.withPromise} stops with a promise`],
    ["First attempt", percentWords(kpi.firstAttemptRate), `of ${kpi.attempted} stops attempted`],
    [
      "Stops per driver and day",
      numberWords(kpi.stopsPerDriverDay),
      `${kpi.served} served, ${kpi.driverDays} days of work`,
    ],
    ["Link views per stop", numberWords(kpi.linkViewsPerStop), `of ${kpi.withLink} stops with a link`],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value, basis]) => (
        <div key={name} class="tile">
          <dt>{name}</dt>
          <dd>
            <strong>{value}</strong>
            <span class="small soft">{basis}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

type KpiTableProps = { client: ApiClient; path: string; group: Group; setGroup: (group: Group) => void };

function KpiTable({ client, path, group, setGroup }: KpiTableProps) {
  const asked = useAsked<{ data: Kpi[] }>(client, `${path}&groupBy=${group}`, 0);
  const named = useAsked<{ data: (Named & { givenName?: string })[] }>(
    client,
    LISTS[group === "day" ? "driver" : group],
    0,
  );
  const names = new Map(
    named.kind === "said" && group !== "day"
      ? named.said.data.map((one) => [String(one.id), one.name ?? one.givenName ?? one.externalId])
      : [],
  );
  const nameOf = (id: string | null): string => (id === null ? NOTHING : (names.get(id) ?? id));
  const rows = asked.kind === "said" ? asked.said.data : [];
  return (
    <>
      <div class="field group-by">
        <label for="group-by">A row for each</label>
        <select
          id="group-by"
          class="input"
          value={group}
          onChange={(event) => setGroup(event.currentTarget.value as Group)}
        >
          {Object.entries(GROUPS).map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus */}
      <section class="table" tabIndex={0} aria-label={`Key figures by ${GROUPS[group].toLowerCase()}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">{GROUPS[group]}</th>
              <th scope="col">Stops</th>
              <th scope="col">Served</th>
              <th scope="col">On time</th>
              <th scope="col">As promised</th>
              <th scope="col">First attempt</th>
              <th scope="col">Stops per driver and day</th>
              <th scope="col">Link views per stop</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.group ?? ""}>
                <th scope="row">{nameOf(row.group)}</th>
                <td>{numberWords(row.stops)}</td>
                <td>{numberWords(row.served)}</td>
                <td>{percentWords(row.onTimeRate)}</td>
                <td>{percentWords(row.slaAdherence)}</td>
                <td>{percentWords(row.firstAttemptRate)}</td>
                <td>{numberWords(row.stopsPerDriverDay)}</td>
                <td>{numberWords(row.linkViewsPerStop)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
