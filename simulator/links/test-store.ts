import { findDecoder, type ProtocolName, type Report, type Transport } from "#decoders";
import type { FixSource } from "../check.ts";

export type StoredReport = Report & { timeMs: number };

/** The fixes of each device in memory; a record that is sent again is stored once, as its time and bytes are the same. */
export type TestStore = {
  keep(uid: string, frame: Uint8Array, transport: Transport): void;
  readonly stored: ReadonlyMap<string, ReadonlyMap<string, StoredReport>>;
  readFixes: FixSource;
};

export function openTestStore(protocol: ProtocolName): TestStore {
  const decoder = findDecoder(protocol)!;
  const stored = new Map<string, Map<string, StoredReport>>();
  const memories = new Map<string, Report["attributes"]>();

  function keep(uid: string, frame: Uint8Array, transport: Transport): void {
    const model = protocol === "teltonika" ? "FMB120" : null;
    const memory = memories.get(uid) ?? {};
    const result = decoder.decode(frame, { transport, deviceUid: uid, model, receivedAtMs: 0, memory });
    if (result.kind !== "decoded") throw new Error(`undecodable: ${result.detail}`);
    memories.set(uid, { ...memory, ...result.memory });
    const fixes = stored.get(uid) ?? new Map<string, StoredReport>();
    stored.set(uid, fixes);
    for (const report of result.reports.filter(({ kind }) => kind === "fix")) {
      fixes.set(keyOf(frame, report), { ...report, timeMs: report.timeMs ?? 0 });
    }
  }

  async function* readFixes(uid: string): ReturnType<FixSource> {
    yield [...(stored.get(uid)?.values() ?? [])];
  }

  return { keep, stored, readFixes };
}

function keyOf(frame: Uint8Array, { timeMs, bytesStart, bytesEnd }: Report): string {
  return `${timeMs} ${Buffer.from(frame.subarray(bytesStart, bytesEnd)).toString("latin1")}`;
}
