import type { Attributes, ProtocolName } from "#decoders/decoder.ts";
import type { CommandClass, CommandCondition } from "#store/commands.ts";
import type { CommandAdapter, CommandType } from "./adapter.ts";
import { requiredCondition } from "./condition.ts";
import { gt06Commands } from "./gt06.ts";
import { owntracksCommands } from "./owntracks.ts";
import { queclinkCommands } from "./queclink.ts";
import { teltonikaCommands } from "./teltonika.ts";

const ADAPTERS: { readonly [protocol in ProtocolName]?: CommandAdapter } = {
  teltonika: teltonikaCommands,
  queclink: queclinkCommands,
  gt06: gt06Commands,
  owntracks: owntracksCommands,
};

export function findCommandAdapter(protocol: string): CommandAdapter | undefined {
  return Object.hasOwn(ADAPTERS, protocol) ? ADAPTERS[protocol as ProtocolName] : undefined;
}

/** What a caller asks for: the protocol's own words, or a type that stands for them. */
export type AskedCommand = {
  protocol: string;
  text?: string;
  type?: CommandType;
  options?: Attributes;
  class?: CommandClass;
  condition?: CommandCondition | null;
};

export type PreparedCommand =
  | { kind: "fit"; text: string; class: CommandClass; condition: CommandCondition | null }
  | { kind: "misfit"; detail: string };

/**
 * Looks at a command before it is queued. Its class follows from what it says: a caller can make it immobiliser-class,
 * never normal. The condition is what was asked, tightened to what its class demands.
 */
export function prepareCommand(asked: AskedCommand): PreparedCommand {
  const adapter = findCommandAdapter(asked.protocol);
  if (adapter === undefined) return { kind: "misfit", detail: `${asked.protocol} devices take no commands` };
  const text = asked.type === undefined ? asked.text : adapter.words[asked.type];
  if (text === undefined) {
    return {
      kind: "misfit",
      detail: `${asked.protocol} has no words for ${asked.type ?? "nothing"}; give its own text`,
    };
  }
  const detail = adapter.misfitOf(text, asked.options ?? {});
  if (detail !== undefined) return { kind: "misfit", detail };
  const commandClass = asked.class === "immobiliser" || adapter.isImmobiliser(text) ? "immobiliser" : "normal";
  return {
    kind: "fit",
    text,
    class: commandClass,
    condition: requiredCondition(commandClass, asked.condition ?? null),
  };
}
