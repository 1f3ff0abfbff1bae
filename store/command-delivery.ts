import type { Attributes, ProtocolName, Transport } from "#decoders/decoder.ts";
import type { CommandClass, CommandCondition, CommandObservation } from "./commands.ts";
import type { Database } from "./database.ts";
import { partitionOf } from "./journal.ts";
import { listen } from "./listen.ts";

/**
 * The gateway's side of commands. Every change names the state it expects, so that of two gateways one wins; a command in
 * flight belongs to its `holder`, for the attempt it made, until `lease_until`.
 */

/** A command that waits or is in flight, with what is known of its device. */
export type OpenCommand = {
  commandId: string;
  deviceId: number;
  deviceUid: string;
  model: string | null;
  settings: Attributes;
  protocol: ProtocolName;
  class: CommandClass;
  text: string;
  options: Attributes;
  condition: CommandCondition | null;
  attempts: number;
  /** The gateway that has it in flight; null while it waits. */
  holder: string | null;
  observed: CommandObservation;
};

/** Names one attempt: what another gateway did since makes changes by this name miss. */
export type CommandAttempt = { commandId: string; holder: string; attempt: number };

export type CommandOutcome = { result: "ok" | "error"; answer: string; frameSeq: number };

export type CommandFrame = {
  seq: number;
  protocol: ProtocolName;
  transport: Transport;
  receivedAtMs: number;
  bytes: Buffer;
};

// The younger of both times would call a buffered fix new, or one whose clock runs ahead.
const OPEN_COMMAND = `select c.command_id::text as "commandId", c.device_id as "deviceId", d.uid as "deviceUid", d.model,
  d.settings, c.protocol, c.class, c.text, c.options, c.condition, c.attempts,
  case when c.lease_until is not null then c.holder end as holder,
  json_build_object('speedMps', case when s.valid then s.speed_mps end,
    'fixAgeS', extract(epoch from now() - least(s.fix_time, s.received_at))::float8) as observed
  from command c join device d on d.device_id = c.device_id left join device_state s on s.device_id = c.device_id`;

/** The device's command in flight, else the oldest that waits. */
export async function nextCommand(database: Database, deviceId: number): Promise<OpenCommand | undefined> {
  const { rows } = await database.pool.query<OpenCommand>({
    name: "next-command",
    text: `${OPEN_COMMAND} where c.device_id = $1
      and (c.lease_until is not null or (c.state = 'queued' and c.expires_at > now()))
      order by c.lease_until is null, c.command_id limit 1`,
    values: [deviceId],
  });
  return rows[0];
}

const UNIQUE_VIOLATION = "23505";

/** Takes a waiting command in flight; false when it waits no more or another of the device is in flight. */
export async function claimCommand(
  database: Database,
  command: { commandId: string; holder: string; leaseMs: number },
): Promise<boolean> {
  try {
    const claimed = await database.pool.query(
      `with claimed as (
        update command set state = 'sending', attempts = attempts + 1, holder = $2, sent_at = null,
          claimed_at_seq = (select case when is_called then last_value else 0 end from frame_seq),
          lease_until = now() + make_interval(secs => $3::float8 / 1000)
        where command_id = $1 and state = 'queued' and expires_at > now() and attempts < attempts_max returning *
      )
      insert into command_audit (command_id, who, action, detail)
      select command_id, 'gateway:' || holder, 'sending', jsonb_build_object('attempt', attempts) from claimed`,
      [command.commandId, command.holder, command.leaseMs],
    );
    return claimed.rowCount === 1;
  } catch (error) {
    if ((error as { code?: string }).code === UNIQUE_VIOLATION) return false;
    throw error;
  }
}

const OF_ATTEMPT = "command_id = $1 and holder = $2 and attempts = $3 and lease_until is not null";

const valuesOf = ({ commandId, holder, attempt }: CommandAttempt) => [commandId, holder, attempt];

/** The bytes were handed over; without an answer to wait for that is the end. */
export async function noteCommandSent(database: Database, attempt: CommandAttempt, isAwaited: boolean): Promise<void> {
  await database.pool.query(
    `with sent as (
      update command set state = 'sent', sent_at = now(), lease_until = case when $4 then lease_until end,
        ended_at = case when not $4 then now() end
      where ${OF_ATTEMPT} and state = 'sending' returning *
    )
    insert into command_audit (command_id, who, action, detail)
    select command_id, 'gateway:' || holder, 'sent', jsonb_build_object('attempt', attempts) from sent`,
    [...valuesOf(attempt), isAwaited],
  );
}

/** The device answered: `answered`, or `failed` where the answer is an error. */
export async function settleCommand(
  database: Database,
  attempt: CommandAttempt,
  outcome: CommandOutcome,
): Promise<boolean> {
  const settled = await database.pool.query(
    `with settled as (
      update command set state = case when $4 = 'ok' then 'answered' else 'failed' end, result = $4, answer = $5,
        error = case when $4 = 'error' then $5 end, answer_seq = $6, sent_at = coalesce(sent_at, now()),
        ended_at = now(), lease_until = null
      where ${OF_ATTEMPT} returning *
    )
    insert into command_audit (command_id, who, action, detail)
    select command_id, 'gateway:' || holder, state, jsonb_build_object('answer', answer, 'frame', answer_seq) from settled`,
    [...valuesOf(attempt), outcome.result, outcome.answer, outcome.frameSeq],
  );
  return settled.rowCount === 1;
}

/**
 * The attempt came to nothing: the command waits again while attempts and time are left. An attempt whose bytes never
 * left (`isUnsent`) does not count.
 */
export async function releaseCommand(
  database: Database,
  attempt: CommandAttempt,
  reason: string,
  options: { isUnsent?: boolean } = {},
): Promise<void> {
  await database.pool.query(
    `with tried as (
      select command_id as id, attempts - case when $5 then 1 else 0 end as tries from command where ${OF_ATTEMPT} for update
    ), released as (
      update command set lease_until = null, attempts = tries, error = $4,
        state = case when tries >= attempts_max then 'failed' when expires_at <= now() then 'expired' else 'queued' end,
        ended_at = case when tries >= attempts_max or expires_at <= now() then now() end
      from tried where command_id = id returning command.*
    ), noted as (
      insert into command_audit (command_id, who, action, detail)
      select command_id, 'gateway:' || holder, state, jsonb_build_object('attempt', $3::integer, 'reason', error) from released
    )
    select pg_notify('commands', device_id::text) from released where state = 'queued'`,
    [...valuesOf(attempt), reason, options.isUnsent ?? false],
  );
}

/** Ends a waiting command unsent: its condition was not met (`refused`), or it is none for its device (`failed`). */
export async function endWaitingCommand(
  database: Database,
  command: { commandId: string; holder: string },
  end: { state: "refused" | "failed"; reason: string; observed: CommandObservation | null },
): Promise<void> {
  await database.pool.query(
    `with ended as (
      update command set state = $3, error = $4, observed = $5, ended_at = now()
      where command_id = $1 and state = 'queued' returning *
    )
    insert into command_audit (command_id, who, action, detail)
    select command_id, 'gateway:' || $2::text, state, jsonb_build_object('reason', error, 'observed', observed) from ended`,
    [command.commandId, command.holder, end.state, end.reason, end.observed],
  );
}

export type CommandSweep = {
  /** In flight at gateways that were not heard of in time. */
  lapsed: OpenCommand[];
  /** Devices with a command that waits or is in flight. */
  deviceIds: number[];
  /** How many waited for longer than they were wanted. */
  expired: number;
};

/** What a gateway looks at now and then: ends what has expired, finds what a gateway has left behind. */
export async function sweepCommands(
  database: Database,
  holder: string,
  limits: { devicesMax: number; lapsedMax: number },
): Promise<CommandSweep> {
  const expired = await database.pool.query(
    `with ended as (
      update command set state = 'expired', error = coalesce(error, 'it was not wanted any more before it could be sent'),
        ended_at = now()
      where state = 'queued' and expires_at <= now() returning *
    )
    insert into command_audit (command_id, who, action, detail)
    select command_id, 'gateway:' || $1::text, 'expired', jsonb_build_object('attempts', attempts) from ended`,
    [holder],
  );
  const lapsed = await database.pool.query<OpenCommand>(
    `${OPEN_COMMAND} where c.lease_until < now() order by c.command_id limit $1`,
    [limits.lapsedMax],
  );
  const devices = await database.pool.query<{ deviceId: number }>(
    `select distinct device_id as "deviceId" from command where state = 'queued' or lease_until is not null limit $1`,
    [limits.devicesMax],
  );
  return {
    lapsed: lapsed.rows,
    deviceIds: devices.rows.map(({ deviceId }) => deviceId),
    expired: expired.rowCount ?? 0,
  };
}

/** What the device said since the command was claimed, from the journal: an answer may be there that nobody noted. */
export async function readFramesSinceClaim(
  database: Database,
  command: Pick<OpenCommand, "commandId" | "deviceId">,
  framesMax: number,
): Promise<CommandFrame[]> {
  const { rows } = await database.pool.query<CommandFrame>(
    `select seq, protocol, transport, (extract(epoch from received_at) * 1000)::float8 as "receivedAtMs", bytes from frame
     where partition = $2 and device_id = $3 and kind = 'frame'
       and batch > (select claimed_at_seq from command where command_id = $1)
       and seq > (select claimed_at_seq from command where command_id = $1)
     order by batch, seq limit $4`,
    [command.commandId, partitionOf(command.deviceId), command.deviceId, framesMax],
  );
  return rows;
}

/** Everything above, bound to a database, and the way to hear of new commands. */
export type CommandStore = {
  next(deviceId: number): Promise<OpenCommand | undefined>;
  claim(command: { commandId: string; holder: string; leaseMs: number }): Promise<boolean>;
  noteSent(attempt: CommandAttempt, isAwaited: boolean): Promise<void>;
  settle(attempt: CommandAttempt, outcome: CommandOutcome): Promise<boolean>;
  release(attempt: CommandAttempt, reason: string, options?: { isUnsent?: boolean }): Promise<void>;
  endWaiting(
    command: { commandId: string; holder: string },
    end: { state: "refused" | "failed"; reason: string; observed: CommandObservation | null },
  ): Promise<void>;
  sweep(holder: string, limits: { devicesMax: number; lapsedMax: number }): Promise<CommandSweep>;
  framesSinceClaim(command: Pick<OpenCommand, "commandId" | "deviceId">, framesMax: number): Promise<CommandFrame[]>;
  /** Calls `wake` with the device id of each command that waits, or with "" when some may have been missed. */
  onWaiting(wake: (deviceId: string) => void): void;
};

/** Rejects when the database is away. */
export async function openCommandStore(database: Database): Promise<CommandStore & { close(): Promise<void> }> {
  let wake: (deviceId: string) => void = () => undefined;
  const listening = await listen(database.url, { commands: (deviceId) => wake(deviceId) });
  return {
    next: (deviceId) => nextCommand(database, deviceId),
    claim: (command) => claimCommand(database, command),
    noteSent: (attempt, isAwaited) => noteCommandSent(database, attempt, isAwaited),
    settle: (attempt, outcome) => settleCommand(database, attempt, outcome),
    release: (attempt, reason, options) => releaseCommand(database, attempt, reason, options),
    endWaiting: (command, end) => endWaitingCommand(database, command, end),
    sweep: (holder, limits) => sweepCommands(database, holder, limits),
    framesSinceClaim: (command, framesMax) => readFramesSinceClaim(database, command, framesMax),
    onWaiting: (listener) => {
      wake = listener;
    },
    close: () => listening.close(),
  };
}
