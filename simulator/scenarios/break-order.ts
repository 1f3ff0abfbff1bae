/** Sources in which an answer must wait for a commit. */
export const ANSWERING_FILES = [
  "gateway/ack-loop.ts",
  "gateway/datagram-listener.ts",
  "gateway/http/http-exchange.ts",
  "gateway/mqtt/publishes.ts",
] as const;

/** What lets a device forget: bytes on a connection, a status. */
export const ANSWER = /(?:await )?(?:this\.#?answer|acknowledge)\([^;]*\);/;
export const COMMIT = /(?:const [\w[\]]+ = )?await [\w.#]*journal\.append\([^;]*;/;

/** `append`, awaited, and the answer that follows it within a few lines. */
const COMMIT_THEN_ANSWER = new RegExp(`(${COMMIT.source}[^]{0,200}?)(${ANSWER.source})`);

/** Where the journal tells a receipt instead: the answer waits for `committed`. */
export const OFFER = /const \w+ = [\w.#]*journal\.offer\(\w+, (\w+)\);/;

/** The same source with the answer in front of the commit; undefined where neither way of waiting is found. */
export function breakOrder(source: string): string | undefined {
  const broken = source.replace(COMMIT_THEN_ANSWER, "$2\n$1").replace(OFFER, "$1.committed(0);\n$&");
  return broken === source ? undefined : broken;
}
