import type { ApiClient } from "../console/api-client.ts";
import { useAsked } from "../console/deliveries/use-asked.ts";
import { CsvButton } from "./csv-button.tsx";
import { horizonWords, minutesWords, numberWords, percentWords } from "./figures.ts";
import { IntervalChart } from "./interval-chart.tsx";
import type { Days, Estimate, EtaAccuracy } from "./report-json.ts";

const TARGET = { value: 0.9, around: 0.03, words: "target 90 % ± 3" };

/** How right the ETAs were: were they kept as often as was said, how far off, and to which side. */
export function EtaReport({ client, days: { from, to } }: { client: ApiClient; days: Days }) {
  const path = `/v1/reports/eta-accuracy?from=${from}&to=${to}`;
  const asked = useAsked<{ data: EtaAccuracy[] }>(client, path, 0);
  const rows = asked.kind === "said" ? asked.said.data : [];
  const of = (pick: (row: EtaAccuracy) => Estimate) =>
    rows.map((row) => ({ name: horizonWords(row), estimate: pick(row) }));
  return (
    <section class="card report" aria-labelledby="eta-title">
      <div class="report-head">
        <h2 id="eta-title">How right the ETAs were</h2>
        <CsvButton
          client={client}
          path={`${path}&format=csv`}
          name={`eta-accuracy-${from}-${to}.csv`}
          of="ETA accuracy"
        />
      </div>
      <p class="soft">
        Every ETA that was issued, against the observed arrival. Lines are 95 % intervals over routes; below five routes
        there is none.
      </p>
      <p class="soft" role="status">
        {asked.kind === "refused" && asked.why}
        {asked.kind === "asking" && "Reading …"}
        {asked.kind === "said" && rows.length === 0 && "No stop with an ETA was reached on these days."}
      </p>
      {rows.length > 0 && (
        <>
          <div class="charts">
            <figure>
              <figcaption>Arrived by the "latest by" time (P90)</figcaption>
              <IntervalChart
                title="Share of arrivals by the P90, by how far ahead it was said"
                axis="share of ETAs that were kept"
                rows={of(({ coverageP90 }) => coverageP90)}
                range={[0.5, 1]}
                words={percentWords}
                tickWords={percentWords}
                target={TARGET}
              />
            </figure>
            <figure>
              <figcaption>Mean absolute error</figcaption>
              <IntervalChart
                title="Mean absolute error of the median, by how far ahead it was said"
                axis="minutes between ETA and arrival"
                rows={of(({ maeS }) => inMinutes(maeS))}
                range={[0, 1]}
                words={minutesWords}
                tickWords={numberWords}
              />
            </figure>
            <figure>
              <figcaption>Bias</figcaption>
              <IntervalChart
                title="Mean of arrival minus ETA, by how far ahead it was said"
                axis="minutes late; negative: early"
                rows={of(({ biasS }) => inMinutes(biasS))}
                range={[-1, 1]}
                words={minutesWords}
                tickWords={numberWords}
                target={{ value: 0, around: 0, words: "none" }}
              />
            </figure>
          </div>
          <EtaTable rows={rows} />
        </>
      )}
    </section>
  );
}

function EtaTable({ rows }: { rows: readonly EtaAccuracy[] }) {
  return (
    // Wide tables scroll; who has no pointer scrolls by the keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must take the focus
    <section class="table" tabIndex={0} aria-label="ETA accuracy by horizon">
      <table>
        <thead>
          <tr>
            <th scope="col">Said</th>
            <th scope="col">By P90</th>
            <th scope="col">P10 to P90</th>
            <th scope="col">By P50</th>
            <th scope="col">Mean error</th>
            <th scope="col">Bias</th>
            <th scope="col">ETAs</th>
            <th scope="col">Stops</th>
            <th scope="col">Routes</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.group}>
              <th scope="row">{horizonWords(row)}</th>
              <td>{withInterval(row.coverageP90, percentWords)}</td>
              <td>{withInterval(row.coverageP10ToP90, percentWords)}</td>
              <td>{withInterval(row.coverageP50, percentWords)}</td>
              <td>{withInterval(inMinutes(row.maeS), minutesWords)}</td>
              <td>{withInterval(inMinutes(row.biasS), minutesWords)}</td>
              <td>{numberWords(row.etas)}</td>
              <td>{numberWords(row.stops)}</td>
              <td>{numberWords(row.routes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function inMinutes({ value, low, high }: Estimate): Estimate {
  return { value: value / 60, low: low === null ? null : low / 60, high: high === null ? null : high / 60 };
}

function withInterval({ value, low, high }: Estimate, words: (value: number) => string): string {
  return low === null || high === null ? words(value) : `${words(value)} (${words(low)} to ${words(high)})`;
}
