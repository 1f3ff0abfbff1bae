import { type CsvError, parse } from "csv-parse";

/** CSV as it comes from spreadsheets: lines are those of the file, quoted line breaks counted. */

/** A longer record is a quote that was never closed. */
const RECORD_CHARACTERS_MAX = 50_000;
const DELIMITERS = [",", ";", "\t"] as const;

export type CsvRecord = { line: number; fields: string[] };

export type CsvEnd =
  | { kind: "end" }
  /** From this line on nothing can be read. */
  | { kind: "broken"; line: number; detail: string };

/** The delimiter that most often stands outside quotes in the first line. */
export function delimiterOf(text: string): string {
  const head = text.slice(0, RECORD_CHARACTERS_MAX).split(/\r\n|\n|\r/, 1)[0] ?? "";
  const bare = head.replace(/"[^"]*"/g, "");
  const counted = DELIMITERS.map((delimiter) => ({ delimiter, count: bare.split(delimiter).length }));
  return counted.reduce((best, next) => (next.count > best.count ? next : best)).delimiter;
}

/** The records of a text, as they are read; blank lines are left out. Ends with how it ended. Line breaks become LF. */
export async function* readCsv(text: string, delimiter: string): AsyncGenerator<CsvRecord, CsvEnd> {
  let broken: CsvError | undefined;
  const parser = parse(text.replace(/^\ufeff/, "").replace(/\r\n?/g, "\n"), {
    ...{ delimiter, info: true, record_delimiter: "\n", relax_column_count: true, relax_quotes: true },
    ...{ max_record_size: RECORD_CHARACTERS_MAX, skip_records_with_error: true },
    on_skip: (error) => {
      broken ??= error;
      return undefined;
    },
  });
  let line = 1;
  for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
    if (broken !== undefined && info.records > recordsBefore(broken)) break;
    if (record.length > 1 || record[0]?.trim() !== "") yield { line, fields: record };
    line = info.lines + 1;
  }
  if (broken === undefined) return { kind: "end" };
  return { kind: "broken", line, detail: BROKEN[broken.code] ?? "cannot be read as CSV" };
}

type Info = { lines: number; records: number };

function recordsBefore(error: CsvError): number {
  return "records" in error && typeof error.records === "number" ? error.records : 0;
}

const BROKEN: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: "a quote is opened and never closed",
  CSV_MAX_RECORD_SIZE: `a record is longer than ${RECORD_CHARACTERS_MAX} characters: is a quote not closed?`,
};
