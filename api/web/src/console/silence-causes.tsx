import { useState } from "preact/hooks";
import type { ApiClient } from "./api-client.ts";

type Silence = { findings: { cause: string; detail: string }[] };
type SilenceProps = { client: ApiClient; deviceUid: string };

/** Asks the API why a device is silent, when somebody wants to know. */
export function SilenceCauses({ client, deviceUid }: SilenceProps) {
  const [answer, setAnswer] = useState<string[] | null>(null);
  async function ask(): Promise<void> {
    try {
      const { findings } = await client.get<Silence>(`/v1/devices/${encodeURIComponent(deviceUid)}/silence`);
      setAnswer(
        findings.length > 0 ? findings.map(({ detail }) => detail) : ["Nothing is wrong that can be seen from here."],
      );
    } catch (error) {
      setAnswer([`This can't be answered: ${error instanceof Error ? error.message : String(error)}.`]);
    }
  }
  return (
    <div class="silence small" role="status">
      {answer === null ? (
        <button type="button" class="button" onClick={() => void ask()}>
          Why is it silent?
        </button>
      ) : (
        <ul>
          {answer.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
    </div>
  );
}
