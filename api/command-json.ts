import { type Static, Type } from "typebox";
import type { CommandAudit, StoredCommand } from "#store/commands.ts";
import { Attributes, Nullable, named, Time, timeText, timeTextOrNull } from "./schemas.ts";

export const COMMAND_STATES = [
  "queued",
  "sending",
  "sent",
  "answered",
  "failed",
  "expired",
  "refused",
  "cancelled",
] as const;

export const COMMAND_CLASSES = ["normal", "immobiliser"] as const;

export const CommandCondition = Type.Object(
  {
    speedMaxMps: Type.Optional(Type.Number({ minimum: 0, description: "Seen no faster than this" })),
    fixAgeMaxS: Type.Optional(Type.Number({ minimum: 1, description: "By a fix no older than this" })),
  },
  { additionalProperties: false },
);

const members = {
  id: Type.String(),
  deviceUid: Nullable(Type.String()),
  protocol: Type.String(),
  class: Type.Enum([...COMMAND_CLASSES]),
  text: Type.String(),
  condition: Nullable(CommandCondition),
  state: Type.Enum([...COMMAND_STATES], {
    description: "sent is the end for commands that their protocol does not answer",
  }),
  createdAt: Time,
  createdBy: Nullable(Type.Integer({ description: "API key; null: the command line" })),
  expiresAt: Time,
  attempts: Type.Integer(),
  attemptsMax: Type.Integer(),
  sentAt: Nullable(Time),
  endedAt: Nullable(Time),
  result: Nullable(Type.Enum(["ok", "error"])),
  answer: Nullable(Type.String({ description: "What the device said" })),
  error: Nullable(Type.String({ description: "Why it failed, was refused, or why its last attempt came to nothing" })),
  observed: Nullable(
    Type.Object(
      { speedMps: Nullable(Type.Number()), fixAgeS: Nullable(Type.Number()) },
      {
        description: "What was known of the device when its condition was not met",
      },
    ),
  ),
};

export const CommandSchema = named("Command", Type.Object(members));

export const CommandWithAudit = named(
  "CommandWithAudit",
  Type.Object({
    ...members,
    audit: Type.Array(Type.Object({ at: Time, who: Type.String(), action: Type.String(), detail: Attributes })),
  }),
);

export function commandJson(command: StoredCommand): Static<typeof CommandSchema> {
  const { commandId, options: _, ...rest } = command;
  return {
    ...rest,
    id: commandId,
    createdAt: timeText(command.createdAt),
    expiresAt: timeText(command.expiresAt),
    sentAt: timeTextOrNull(command.sentAt),
    endedAt: timeTextOrNull(command.endedAt),
  };
}

export function commandWithAuditJson(
  command: StoredCommand,
  audit: readonly CommandAudit[],
): Static<typeof CommandWithAudit> {
  return { ...commandJson(command), audit: audit.map((entry) => ({ ...entry, at: timeText(entry.at) })) };
}
