import { useState } from "preact/hooks";
import type { ApiClient } from "../console/api-client.ts";

type CsvButtonProps = { client: ApiClient; path: string; name: string; of: string };

/** A report as a file. The key goes into a header, so it is fetched and then handed over. */
export function CsvButton({ client, path, name, of }: CsvButtonProps) {
  const [failure, setFailure] = useState("");
  async function download(): Promise<void> {
    try {
      const url = URL.createObjectURL(await client.file(path));
      const link = document.createElement("a");
      link.href = url;
      link.download = name;
      link.click();
      URL.revokeObjectURL(url);
      setFailure("");
    } catch (error) {
      setFailure(`It can't be had now: ${error instanceof Error ? error.message : String(error)}.`);
    }
  }
  return (
    <span class="csv">
      <button type="button" class="button" onClick={() => void download()}>
        Download CSV<span class="visually-hidden"> of {of}</span>
      </button>
      <span class="small refusal" role="status">
        {failure}
      </span>
    </span>
  );
}
