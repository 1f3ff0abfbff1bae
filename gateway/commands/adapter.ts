import type { Attributes, ProtocolName, Report } from "#decoders/decoder.ts";

/** A command as it is to be put into bytes. */
export type OutgoingCommand = {
  /** Decimal digits; what answers are told apart by is made of it. */
  commandId: string;
  deviceUid: string;
  text: string;
  options: Attributes;
  /** Secrets and options of the device, as registered. */
  settings: Attributes;
};

/** `key` is what the answer repeats; null where answers bear nothing and come in order. */
export type EncodedCommand = { bytes: Uint8Array; key: string | null; isAnswered: boolean };

export type CommandReply = { result: "ok" | "error"; text: string };

/** What a caller can ask of any device whose protocol has words for it. */
export const COMMAND_TYPES = ["locate", "status", "version", "restart"] as const;
export type CommandType = (typeof COMMAND_TYPES)[number];

/** One protocol's commands: text to bytes, and which report is the answer to which command. Pure. */
export type CommandAdapter = {
  readonly protocol: ProtocolName;
  readonly words: { readonly [type in CommandType]?: string };
  /** Why this is no command of the protocol; undefined where it is one. */
  misfitOf(text: string, options: Attributes): string | undefined;
  /** Whether it can keep a vehicle from driving or let it drive. Rather once too often than once too seldom. */
  isImmobiliser(text: string): boolean;
  /** For texts without a misfit only. */
  encode(command: OutgoingCommand): EncodedCommand;
  /** The answer to the command of this key, where the report is one. */
  readReply(report: Report, key: string | null): CommandReply | undefined;
};

const PRINTABLE = /^[\x20-\x7e]+$/;

export function misfitOfText(text: string, charactersMax: number): string | undefined {
  if (text.length > charactersMax) return `the text has more than ${charactersMax} characters`;
  return PRINTABLE.test(text) ? undefined : "the text is not printable ASCII";
}

export function textAttribute(report: Report, name: string): string | undefined {
  const value = report.attributes[name];
  return typeof value === "string" ? value : undefined;
}
