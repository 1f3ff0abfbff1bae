/** SQL for a timestamptz as whole Unix milliseconds, rounded down; a float8, which the driver reads as a number. */
export function floorMs(column: string): string {
  return `floor(extract(epoch from ${column}) * 1000)::float8`;
}
