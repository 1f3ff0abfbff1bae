import type { ProtocolDecoder, ProtocolName } from "#decoders/decoder.ts";
import type { CommandStore } from "#store/command-delivery.ts";

/** A connection that can hand bytes to its device. */
export type CommandLink = {
  readonly protocol: ProtocolName;
  /** Writes the bytes between two answers; false where they were not written. */
  sendCommand(bytes: Uint8Array): boolean | Promise<boolean>;
};

export type CommandTimes = {
  /** How long an answer is waited for. */
  answerTimeoutMs: number;
  /** Where answers bear no id: how long a late one is let pass before the next command goes out. */
  lateAnswerMs: number;
  /** How long a fix is waited for that a condition can be judged by. */
  evidencePatienceMs: number;
  /** How often the table is looked at besides notifications. */
  pollMs: number;
};

export const COMMAND_OUTCOMES = ["sent", "ok", "error", "refused", "misfit", "timeout", "lost", "recovered"] as const;
export type CommandTally = Record<(typeof COMMAND_OUTCOMES)[number], number>;

/** What the delivery of commands needs of the world. */
export type CommandDeps = {
  store: CommandStore;
  times: CommandTimes;
  findDecoder: (protocol: ProtocolName) => ProtocolDecoder | undefined;
  /** The live connection of a device where it has one. */
  findLink: (deviceId: number) => CommandLink | undefined;
  tally: CommandTally;
  monotonicMs: () => number;
  onError: (error: unknown) => void;
};
