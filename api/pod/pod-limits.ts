/** Every limit of an upload, by name. Tests lower some. */
export type PodLimits = {
  artefactBytesMax: number;
  photosMax: number;
  signaturesMax: number;
  fieldsMax: number;
  fieldBytesMax: number;
  /** Time for the whole body to arrive, which closes slow senders. */
  bodyMsMax: number;
  /** How long a refused body is still taken, so that its sender gets to read the answer. */
  lingerMs: number;
  /** Uploads read at the same time; with the bytes of one this bounds their memory. */
  uploadsMax: number;
};

export const POD_LIMITS: PodLimits = {
  artefactBytesMax: 10_485_760,
  photosMax: 6,
  signaturesMax: 1,
  fieldsMax: 80,
  fieldBytesMax: 8_192,
  bodyMsMax: 120_000,
  lingerMs: 1_000,
  uploadsMax: 8,
};

/** Bytes of headers and boundaries that a body may have beside its parts. */
const ENVELOPE_BYTES = 262_144;
const PART_HEADERS_MAX = 8;

/** What a body of all that is allowed comes to. */
export function podBodyBytesMax(limits: PodLimits): number {
  const files = limits.photosMax + limits.signaturesMax;
  return files * limits.artefactBytesMax + limits.fieldsMax * limits.fieldBytesMax + ENVELOPE_BYTES;
}

/** The same limits in the words of the multipart parser. */
export function parserLimits(limits: PodLimits) {
  const files = limits.photosMax + limits.signaturesMax;
  return {
    fileSize: limits.artefactBytesMax,
    files,
    fields: limits.fieldsMax,
    parts: files + limits.fieldsMax,
    fieldSize: limits.fieldBytesMax,
    fieldNameSize: 100,
    headerPairs: PART_HEADERS_MAX,
  };
}

export const SIGNED_URL_S = 86_400;
/** Wrong PINs after which no further one is looked at. */
export const PIN_FAILURES_MAX = 5;
