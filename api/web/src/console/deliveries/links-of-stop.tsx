import { useRef, useState } from "preact/hooks";
import type { ApiClient } from "../api-client.ts";
import { dayTimeWords } from "./delivery-words.ts";
import type { CreatedLink, Link } from "./stop-json.ts";
import { useAsked } from "./use-asked.ts";

type LinksProps = {
  client: ApiClient;
  stopId: string;
  revision: number;
  mayWrite: boolean;
  changed: (words: string) => void;
};

/** The tracking links of a stop: make one, copy it while it is known, revoke one. */
export function LinksOfStop({ client, stopId, revision, mayWrite, changed }: LinksProps) {
  const links = useAsked<{ data: Link[] }>(client, `/v1/stops/${stopId}/links?limit=100`, revision);
  const [made, setMade] = useState<CreatedLink | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const attempt = async (work: () => Promise<string>): Promise<void> => {
    try {
      const words = await work();
      setFailure(null);
      changed(words);
    } catch (error) {
      setFailure(`This was refused: ${error instanceof Error ? error.message : String(error)}.`);
    }
  };
  const create = () =>
    attempt(async () => {
      setMade(await client.send<CreatedLink>("POST", `/v1/stops/${stopId}/links`, {}));
      return "Tracking link made";
    });
  const revoke = (id: string) =>
    attempt(async () => {
      await client.send("DELETE", `/v1/stops/${stopId}/links/${id}`);
      if (made?.id === id) setMade(null);
      return "Tracking link revoked";
    });
  const open = links.kind === "said" ? links.said.data.filter(({ revokedAt }) => revokedAt === null) : [];
  return (
    <section aria-labelledby="links-title">
      <h3 id="links-title">Tracking links</h3>
      {links.kind === "refused" && <p class="small soft">{links.why}</p>}
      {links.kind === "said" && open.length === 0 && <p class="small soft">None is open.</p>}
      {made && <NewLink link={made} />}
      <ul class="links small">
        {open.map((link) => (
          <li key={link.id}>
            <span>
              Link {link.id} · opened {link.views} times
              <span class="soft"> · until {dayTimeWords(link.expiresAt)}</span>
            </span>
            {mayWrite && (
              <button type="button" class="button" onClick={() => void revoke(link.id)}>
                Revoke<span class="visually-hidden"> link {link.id}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      <p class="small refusal" role="alert">
        {failure}
      </p>
      {mayWrite && (
        <button type="button" class="button" onClick={() => void create()}>
          Make a link
        </button>
      )}
    </section>
  );
}

/** The address is answered once: it is shown until the stop is left. */
function NewLink({ link }: { link: CreatedLink }) {
  const field = useRef<HTMLInputElement>(null);
  const [words, setWords] = useState("");
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(link.url);
      setWords("Copied.");
    } catch {
      // Pages without https may not write to the clipboard.
      field.current?.select();
      setWords("Selected: copy it with the keyboard.");
    }
  }
  return (
    <div class="new-link small">
      <label for="new-link">New link, shown this once</label>
      <input id="new-link" ref={field} class="input" readOnly value={link.url} />
      <div class="row">
        <button type="button" class="button primary" onClick={() => void copy()}>
          Copy
        </button>
        <a class="button" href={link.url} target="_blank" rel="noreferrer">
          Open
        </a>
        <span role="status">{words}</span>
      </div>
    </div>
  );
}
