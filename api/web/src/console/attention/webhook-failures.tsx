import { useState } from "preact/hooks";
import type { ApiClient } from "../api-client.ts";

type Delivery = { id: string; eventType: string; attempts: number; status: string; lastOutcome: string | null };
type WebhookFailuresProps = { client: ApiClient; webhookId: string };

const SHOWN = 5;

/** Asks the API what became of the newest deliveries to a webhook, when somebody wants to know. */
export function WebhookFailures({ client, webhookId }: WebhookFailuresProps) {
  const [lines, setLines] = useState<string[] | null>(null);
  async function ask(): Promise<void> {
    try {
      const path = `/v1/webhooks/${webhookId}/deliveries?limit=${SHOWN}`;
      const { data } = await client.get<{ data: Delivery[] }>(path);
      setLines(data.length === 0 ? ["Nothing was to be delivered yet."] : data.map(wordsOf));
    } catch (error) {
      setLines([`This can't be answered: ${error instanceof Error ? error.message : String(error)}.`]);
    }
  }
  return (
    <div class="silence small" role="status">
      {lines === null ? (
        <button type="button" class="button" onClick={() => void ask()}>
          What became of its deliveries?
        </button>
      ) : (
        <ul>
          {lines.map((line, i) => (
            <li key={`${line} ${i}`}>{line}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

function wordsOf({ eventType, status, attempts, lastOutcome }: Delivery): string {
  return `${eventType}: ${status} after ${attempts} attempts${lastOutcome === null ? "" : `, last ${lastOutcome}`}`;
}
