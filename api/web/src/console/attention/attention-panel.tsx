import { useEffect, useState } from "preact/hooks";
import { ApiProblem } from "../api-client.ts";
import { followEvents, pause } from "../follow-events.ts";
import type { PanelProps } from "../panel.ts";
import { SilenceCauses } from "../silence-causes.tsx";
import { ageWords } from "../words.ts";
import { type Attention, byKind, KIND_WORDS, type Kind } from "./attention.ts";
import "./attention.css";
import { WebhookFailures } from "./webhook-failures.tsx";

const TYPES = ["device.*", "frame.*", "webhook.*"];
const RELOAD_MS_MIN = 3_000;
const RELOAD_MS_MAX = 30_000;
/** More rows of one kind than this say nothing that their number does not. */
const ROWS_SHOWN = 20;

/** What is wrong with devices and webhooks now, what is meant by it, and why. */
export function AttentionPanel(props: PanelProps) {
  const { rows, failure } = useAttention(props);
  const groups = byKind(rows ?? []);
  const total = rows?.length ?? 0;
  return (
    <div class="attention">
      <p class="small soft rest" role="status">
        {failure ?? (rows === null ? "Reading …" : total === 0 ? "Nothing needs attention." : `${total} to look at.`)}
      </p>
      {groups.map(([kind, found]) => (
        <AttentionGroup key={kind} kind={kind} rows={found} {...props} />
      ))}
    </div>
  );
}

function AttentionGroup({ kind, rows, ...props }: PanelProps & { kind: Kind; rows: readonly Attention[] }) {
  const [all, showAll] = useState(false);
  const { title, meaning } = KIND_WORDS[kind];
  const shown = all ? rows : rows.slice(0, ROWS_SHOWN);
  return (
    <section aria-labelledby={`attention-${kind}`}>
      <h2 id={`attention-${kind}`}>
        {title} <span class="soft">{rows.length}</span>
      </h2>
      <p class="small soft">{meaning}</p>
      <ul>
        {shown.map((row) => (
          <li key={row.deviceUid ?? row.webhookId} class="attention-row">
            <AttentionRow row={row} {...props} />
          </li>
        ))}
      </ul>
      {shown.length < rows.length && (
        <button type="button" class="button" onClick={() => showAll(true)}>
          Show {rows.length - shown.length} more
        </button>
      )}
    </section>
  );
}

function AttentionRow({ row, client, fleet, nowMs, select, announce }: PanelProps & { row: Attention }) {
  const { deviceUid, webhookId, count, since, reason } = row;
  const unit = fleet.units.find((one) => deviceUid !== null && one.deviceUid === deviceUid);
  const name = unit?.name ?? row.name ?? deviceUid ?? `Webhook ${webhookId}`;
  const facts = [
    deviceUid !== null && name !== deviceUid && deviceUid,
    since === null ? "never heard" : `${ageWords(nowMs - Date.parse(since))} ago`,
    count !== null && `${count} ×`,
    reason?.replaceAll("_", " "),
  ];
  return (
    <>
      <p>
        {unit ? (
          <button
            type="button"
            class="link"
            onClick={() => {
              select(unit.id);
              announce(`${unit.name} selected`);
            }}
          >
            {name}
            <span class="visually-hidden">: show its details</span>
          </button>
        ) : (
          <strong>{name}</strong>
        )}
        <span class="small soft"> {facts.filter(Boolean).join(" · ")}</span>
      </p>
      {deviceUid !== null && <SilenceCauses client={client} deviceUid={deviceUid} />}
      {webhookId !== null && <WebhookFailures client={client} webhookId={webhookId} />}
    </>
  );
}

function useAttention({ client }: PanelProps): { rows: readonly Attention[] | null; failure: string | null } {
  const [shown, setShown] = useState<{ rows: readonly Attention[] | null; failure: string | null }>({
    rows: null,
    failure: null,
  });
  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    let wake = () => {};
    const read = async () => {
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        try {
          const { data } = await client.get<{ data: Attention[] }>("/v1/attention", signal);
          setShown({ rows: data, failure: null });
        } catch (error) {
          if (signal.aborted) return;
          const isRefused = error instanceof ApiProblem && error.status === 403;
          const failure = isRefused ? "This key may not read devices." : "This can't be read now.";
          setShown((before) => ({ ...before, failure }));
        }
        await pause(RELOAD_MS_MIN, signal);
        await Promise.race([changed, pause(RELOAD_MS_MAX - RELOAD_MS_MIN, signal)]);
      }
    };
    void read();
    void followEvents(client, TYPES, signal, () => wake());
    return () => stopped.abort();
  }, [client]);
  return shown;
}
