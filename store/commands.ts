import type { Attributes } from "#decoders/decoder.ts";
import type { Database } from "./database.ts";

/**
 * Commands to devices as people and programs see them; `command-delivery.ts` is the gateway's side. Every change of state
 * writes its audit row in the same statement, and a new command is announced on the channel `commands` with its device.
 */

export type CommandClass = "normal" | "immobiliser";

/**
 *     queued ──claimed──▶ sending ──handed over──▶ sent ──▶ answered | failed
 *       │  ▲                 │                      │
 *       │  └──no answer, or connection lost, while attempts are left──┘
 *       └──▶ expired | refused (its condition) | cancelled | failed (no attempt left)
 *
 * A command that its protocol does not answer ends as `sent`.
 */
export type CommandState = "queued" | "sending" | "sent" | "answered" | "failed" | "expired" | "refused" | "cancelled";

/** What must be observed of the device at the moment of sending. */
export type CommandCondition = { speedMaxMps?: number; fixAgeMaxS?: number };

/** What was observed when a condition was looked at. */
export type CommandObservation = { speedMps: number | null; fixAgeS: number | null };

export type NewCommand = {
  fleetId: number;
  deviceId: number;
  protocol: string;
  class: CommandClass;
  text: string;
  options?: Attributes;
  condition: CommandCondition | null;
  /** Null: the command line. */
  keyId: number | null;
  ttlS: number;
  attemptsMax: number;
};

export type StoredCommand = {
  commandId: string;
  /** Null once the device is registered no more. */
  deviceUid: string | null;
  protocol: string;
  class: CommandClass;
  text: string;
  options: Attributes;
  condition: CommandCondition | null;
  createdAt: Date;
  createdBy: number | null;
  expiresAt: Date;
  attemptsMax: number;
  attempts: number;
  state: CommandState;
  sentAt: Date | null;
  endedAt: Date | null;
  result: "ok" | "error" | null;
  answer: string | null;
  error: string | null;
  observed: CommandObservation | null;
};

export type CommandAudit = { at: Date; who: string; action: string; detail: Attributes };

export type CommandFilter = { deviceUid: string | null; state: CommandState | null };

const SELECT_COMMAND = `select c.command_id::text as "commandId", d.uid as "deviceUid", c.protocol, c.class, c.text,
  c.options, c.condition, c.created_at as "createdAt", c.created_by as "createdBy", c.expires_at as "expiresAt",
  c.attempts_max as "attemptsMax", c.attempts, c.state, c.sent_at as "sentAt", c.ended_at as "endedAt", c.result, c.answer,
  c.error, c.observed from command c left join device d on d.device_id = c.device_id`;

/** Queues a command; gives its id. */
export async function createCommand(database: Database, command: NewCommand): Promise<string> {
  const { rows } = await database.pool.query<{ commandId: string }>(
    `with made as (
      insert into command (fleet_id, device_id, protocol, class, text, options, condition, created_by, expires_at, attempts_max)
      values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9), $10) returning *
    ), noted as (
      insert into command_audit (command_id, who, action, detail)
      select command_id, $11, 'queued', jsonb_build_object('text', text, 'class', class) from made
    )
    select command_id::text as "commandId", pg_notify('commands', device_id::text) from made`,
    [
      command.fleetId,
      command.deviceId,
      command.protocol,
      command.class,
      command.text,
      command.options ?? {},
      command.condition,
      command.keyId,
      command.ttlS,
      command.attemptsMax,
      actorOf(command.keyId),
    ],
  );
  return rows[0]!.commandId;
}

/** A command of this fleet (null: any). */
export async function findCommand(
  database: Database,
  fleetId: number | null,
  commandId: string,
): Promise<StoredCommand | undefined> {
  const { rows } = await database.pool.query<StoredCommand>(
    `${SELECT_COMMAND} where ($1::integer is null or c.fleet_id = $1) and c.command_id = $2`,
    [fleetId, commandId],
  );
  return rows[0];
}

/** Newest first; `beforeId` continues a page. */
export async function listCommands(
  database: Database,
  fleetId: number | null,
  filter: CommandFilter,
  page: { beforeId: string | null; limit: number },
): Promise<StoredCommand[]> {
  const { rows } = await database.pool.query<StoredCommand>(
    `${SELECT_COMMAND} where ($1::integer is null or c.fleet_id = $1) and ($2::bigint is null or c.command_id < $2)
     and ($3::text is null or d.uid = $3) and ($4::text is null or c.state = $4)
     order by c.command_id desc limit $5`,
    [fleetId, page.beforeId, filter.deviceUid, filter.state, page.limit],
  );
  return rows;
}

/** Who did what with the command, in order. The caller has seen to it that the command may be seen. */
export async function readCommandAudit(database: Database, commandId: string): Promise<CommandAudit[]> {
  const { rows } = await database.pool.query<CommandAudit>(
    "select at, who, action, detail from command_audit where command_id = $1 order by audit_id",
    [commandId],
  );
  return rows;
}

/** Takes a command back that is not in flight; false when there is none, or it is too late. */
export async function cancelCommand(
  database: Database,
  fleetId: number | null,
  commandId: string,
  keyId: number | null,
): Promise<boolean> {
  const { rowCount } = await database.pool.query(
    `with cancelled as (
      update command set state = 'cancelled', ended_at = now()
      where command_id = $2 and ($1::integer is null or fleet_id = $1) and state = 'queued' returning command_id
    )
    insert into command_audit (command_id, who, action) select command_id, $3, 'cancelled' from cancelled`,
    [fleetId, commandId, actorOf(keyId)],
  );
  return rowCount === 1;
}

/** The protocol that a device speaks: as registered, else as it last reported. */
export async function findDeviceProtocol(database: Database, deviceId: number): Promise<string | null> {
  const { rows } = await database.pool.query<{ protocol: string | null }>(
    `select coalesce(d.protocol, s.protocol) as protocol
     from device d left join device_state s on s.device_id = d.device_id where d.device_id = $1`,
    [deviceId],
  );
  return rows[0]?.protocol ?? null;
}

function actorOf(keyId: number | null): string {
  return keyId === null ? "command line" : `key:${keyId}`;
}
