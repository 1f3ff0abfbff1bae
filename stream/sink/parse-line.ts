/** Test support: reads line protocol (InfluxDB v2 reference, "Line protocol") strictly; throws where a line is unsound. */

export type ParsedPoint = {
  measurement: string;
  tags: Record<string, string>;
  fields: Record<string, string | number | boolean>;
  timeNs: string;
};

export function parseLine(line: string): ParsedPoint {
  const [head, fieldText, timeNs, ...rest] = split(line, " ");
  if (head === undefined || !fieldText || timeNs === undefined || rest.length > 0) throw new Error(`unsound: ${line}`);
  if (!/^-?\d+$/.test(timeNs)) throw new Error(`no time: ${line}`);
  const [measurement, ...tagTexts] = split(head, ",");
  return {
    measurement: plain(measurement ?? ""),
    tags: Object.fromEntries(tagTexts.map((text) => pairOf(text, plain))),
    fields: Object.fromEntries(split(fieldText, ",").map((text) => pairOf(text, fieldValue))),
    timeNs,
  };
}

function pairOf<Value>(text: string, read: (value: string) => Value): [string, Value] {
  const [name, value, ...rest] = split(text, "=");
  if (!name || !value || rest.length > 0) throw new Error(`no pair: ${text}`);
  return [plain(name), read(value)];
}

function fieldValue(text: string): string | number | boolean {
  if (text === "T" || text === "F") return text === "T";
  if (text.startsWith('"') && text.endsWith('"')) return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new Error(`no value: ${text}`);
  return Number(text);
}

/** Parts between separators that are neither escaped nor inside quotes. */
function split(text: string, separator: string): string[] {
  const parts = [""];
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === "\\" && at + 1 < text.length) {
      parts[parts.length - 1] += character + text[++at]!;
      continue;
    }
    if (character === '"') isQuoted = !isQuoted;
    if (character === separator && !isQuoted) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts;
}

function plain(text: string): string {
  return text.replace(/\\([,= ])/g, "$1");
}
