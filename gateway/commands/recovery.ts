import type { OpenCommand } from "#store/command-delivery.ts";
import { COMMAND_FRAMES_SEARCHED_MAX } from "../maxima.ts";
import { readOutcome } from "./bytes-of-command.ts";
import type { CommandDeps } from "./command-deps.ts";
import { findCommandAdapter } from "./prepare.ts";

/** Settles what another gateway left in flight by what the journal holds: the answer, or none. */
export async function recover(
  { store, tally, findDecoder }: Pick<CommandDeps, "store" | "tally" | "findDecoder">,
  command: OpenCommand,
): Promise<void> {
  if (command.holder === null) return;
  tally.recovered += 1;
  const attempt = { commandId: command.commandId, holder: command.holder, attempt: command.attempts };
  const adapter = findCommandAdapter(command.protocol);
  if (adapter !== undefined) {
    const { key } = adapter.encode(command);
    for (const frame of await store.framesSinceClaim(command, COMMAND_FRAMES_SEARCHED_MAX)) {
      const outcome = readOutcome(findDecoder, command, { adapter, key }, frame);
      if (outcome === undefined) continue;
      await store.settle(attempt, outcome);
      return;
    }
  }
  await store.release(attempt, "its gateway ended before an answer came");
}
