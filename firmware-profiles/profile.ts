/** What one element id means to one family of device models. Words of the JSON schema `profile.schema.json`. */
export type ProfileElement = {
  id: number;
  /** Dotted attribute name, unique within the profile. */
  name: string;
  /**
   * number: raw × scale + offset in `unit` · flag: true unless 0 · enum: a word of `values`, the raw number elsewhere ·
   * bits: one boolean attribute per bit named in `bits` · text: ASCII without trailing zeros · hex: the bytes, null where
   * all are zero · digits: unsigned decimal text · layout: structured, by the decoder of that name.
   */
  kind: "number" | "flag" | "enum" | "bits" | "text" | "hex" | "digits" | "layout";
  /** Width on the wire; absent where families differ in width only. */
  bytes?: 1 | 2 | 4 | 8 | "variable";
  signed?: boolean;
  scale?: number;
  offset?: number;
  unit?: string;
  /** Words by raw value. */
  values?: { readonly [raw: string]: string };
  /** Raw values that stand for a fault of the sensor and must never look like a reading. */
  faults?: { readonly [raw: string]: string };
  /** Attribute names by bit number, 0 the lowest. */
  bits?: { readonly [bit: string]: string };
  layout?: string;
  /** Hex is written last byte first: the serial of a 1-Wire chip as engraved. */
  order?: "little";
  /** The value is the report's speed on these models, not only an attribute. */
  sets?: "speedMps";
  /** The vendor's name of the element. */
  about?: string;
};

/** A profile file, as written. */
export type ProfileFile = {
  protocol: string;
  family: string;
  title: string;
  models: string[];
  source: string;
  elements: ProfileElement[];
};

/**
 * A loaded element. All have the same fields in the same order: decoding reads them for every element of every record,
 * and objects of many shapes would triple its cost.
 */
export type Element = {
  readonly id: number;
  readonly name: string;
  readonly kind: ProfileElement["kind"];
  /** Width on the wire, 0 where it varies, null where any will do. */
  readonly width: number | null;
  readonly signed: boolean;
  /** A reading is raw × factor / divisor + offset; one of the two is 1. Dividing by 1000 is exact, × 0.001 is not. */
  readonly factor: number;
  readonly divisor: number;
  readonly offset: number;
  readonly unit: string | null;
  readonly values: ReadonlyMap<number, string> | null;
  readonly faults: ReadonlyMap<number, string> | null;
  /** Bit number and attribute name. */
  readonly bits: readonly (readonly [number, string])[] | null;
  readonly layout: string | null;
  readonly reversed: boolean;
  readonly setsSpeed: boolean;
  readonly about: string;
};

/** A loaded profile: elements by id. */
export type Profile = {
  readonly protocol: string;
  readonly family: string;
  readonly title: string;
  readonly elements: ReadonlyMap<number, Element>;
};

/** The family that names only what every family of its protocol agrees on. */
export const GENERIC_FAMILY = "generic";
