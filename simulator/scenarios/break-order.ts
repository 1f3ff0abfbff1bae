/** Sources in which an answer must wait for a commit. */
export const ANSWERING_FILES = ["gateway/stream-session.ts", "gateway/datagram-listener.ts"] as const;

/** `append`, awaited, and the answer that follows it within a few lines. */
const COMMIT_THEN_ANSWER = /(await [\w.#]*journal\.append\([^;]*;[\s\S]{0,200}?)((?:await )?this\.#answer\([^;]*\);)/;

/** The same source with the answer in front of the commit; undefined where the pair is not found. */
export function breakOrder(source: string): string | undefined {
  const broken = source.replace(COMMIT_THEN_ANSWER, "$2\n$1");
  return broken === source ? undefined : broken;
}
