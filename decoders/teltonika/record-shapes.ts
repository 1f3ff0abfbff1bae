import type { Profile } from "#firmware-profiles";
import type { Attributes } from "../decoder.ts";
import type { RecordColumns } from "./columns.ts";
import { namesOf } from "./elements.ts";

/** Shapes kept. A device has a handful; when there are more than this all are forgotten, and those in use come back. */
const SHAPES_MAX = 2_048;

/** `names` is undefined where they depend on the values of the elements. */
type Shape = { profile: Profile; ids: Uint16Array; widths: Uint8Array; names: Attributes | undefined };

/**
 * Objects to put the elements of a record into. A device sends the same elements again and again, and an object that has
 * all of their names from the start costs half of one to which they are added name by name: V8 turns that into a hash
 * table beyond a dozen (building, writing as JSON and comparing 23 names: 12 µs as a table, 6 µs so).
 */
export class RecordShapes {
  /** By a hash of the element ids and widths. */
  readonly #shapes = new Map<number, Shape>();

  /**
   * An object with the names that the record's elements will set, none of which has its value yet; an empty one where the
   * names depend on the values.
   */
  begin(profile: Profile, columns: RecordColumns, record: number): Attributes {
    const first = columns.firstElement[record]!;
    const end = columns.firstElement[record + 1]!;
    const hash = hashOf(columns, first, end);
    let shape = this.#shapes.get(hash);
    if (shape === undefined || !isOf(shape, profile, columns, first, end)) {
      if (this.#shapes.size >= SHAPES_MAX) this.#shapes.clear();
      shape = shapeOf(profile, columns, first, end);
      this.#shapes.set(hash, shape);
    }
    return { ...shape.names };
  }
}

function hashOf({ elementId, elementWidth }: RecordColumns, first: number, end: number): number {
  let hash = end - first;
  for (let row = first; row < end; row++) hash = (Math.imul(hash, 31) + elementId[row]! * 32 + elementWidth[row]!) | 0;
  return hash;
}

function isOf(shape: Shape, profile: Profile, columns: RecordColumns, first: number, end: number): boolean {
  const { ids, widths } = shape;
  if (shape.profile !== profile || ids.length !== end - first) return false;
  for (let index = 0; index < ids.length; index++) {
    const row = first + index;
    if (ids[index] !== columns.elementId[row] || widths[index] !== columns.elementWidth[row]) return false;
  }
  return true;
}

function shapeOf(profile: Profile, columns: RecordColumns, first: number, end: number): Shape {
  const ids = columns.elementId.slice(first, end);
  const widths = columns.elementWidth.slice(first, end);
  const names: string[] = [];
  for (let row = first; row < end; row++) {
    const found = namesOf(profile, columns, row);
    if (found === undefined) return { profile, ids, widths, names: undefined };
    names.push(...found);
  }
  return { profile, ids, widths, names: withNames(names) };
}

/** An object that parsing made has a hidden class whatever the number of its names. */
function withNames(names: readonly string[]): Attributes {
  const object = JSON.parse(JSON.stringify(Object.fromEntries(names.map((name) => [name, null]))));
  // A name left without its value would not be mistaken for a null of the device.
  for (const name of names) object[name] = undefined;
  return object;
}
