// The types that the parser adds to a request.
import type {} from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import { Problem } from "../problems.ts";
import { climbs } from "./form-fields.ts";
import { type PodLimits, parserLimits, podBodyBytesMax } from "./pod-limits.ts";

export type PodForm = {
  /** In the order in which they came; a name may come again. */
  fields: [name: string, value: string][];
  files: { name: string; bytes: Buffer }[];
};

const FILES = new Map<string, "photosMax" | "signaturesMax">([
  ["photo", "photosMax"],
  ["signature", "signaturesMax"],
]);

let uploads = 0;

/**
 * Reads a multipart body into memory, part by part, within the limits. The names of files that a sender gives are not
 * used: nothing is ever named after them, and one that is a path is refused. Throws a problem; a body that is refused is
 * not read to its end.
 */
export async function readPodForm(request: FastifyRequest, limits: PodLimits): Promise<PodForm> {
  if (!request.isMultipart()) throw new Problem("media_type", { detail: "Send multipart/form-data." });
  const bytesMax = podBodyBytesMax(limits);
  try {
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
    if (uploads >= limits.uploadsMax) throw new Problem("uploads_exhausted", { headers: { "retry-after": "2" } });
    uploads++;
    try {
      return await readWithin(request, limits, bytesMax);
    } finally {
      uploads--;
    }
  } catch (error) {
    leaveUnread(request, limits.lingerMs);
    throw problemOfParser(error);
  }
}

async function readWithin(request: FastifyRequest, limits: PodLimits, bytesMax: number): Promise<PodForm> {
  const stopping = Promise.withResolvers<never>();
  const timer = setTimeout(() => stopping.reject(new Problem("body_too_slow")), limits.bodyMsMax);
  let received = 0;
  const count = (chunk: Buffer): void => {
    received += chunk.length;
    if (received > bytesMax) stopping.reject(tooLarge(bytesMax));
  };
  const reading = readParts(request, limits);
  request.raw.on("data", count);
  // Whoever loses the race may still reject: nobody listens to it any more.
  reading.catch(() => undefined);
  stopping.promise.catch(() => undefined);
  try {
    return await Promise.race([reading, stopping.promise]);
  } finally {
    clearTimeout(timer);
    request.raw.off("data", count);
  }
}

async function readParts(request: FastifyRequest, limits: PodLimits): Promise<PodForm> {
  const form: PodForm = { fields: [], files: [] };
  for await (const part of request.parts({ limits: parserLimits(limits), preservePath: true })) {
    if (part.type === "file") {
      const kind = FILES.get(part.fieldname);
      if (kind === undefined) throw unfit(`There is no file ${printable(part.fieldname)}.`);
      if (isPath(part.filename ?? "")) throw unfit("A file's name is a path.");
      const bytes = await part.toBuffer();
      form.files.push({ name: part.fieldname, bytes });
      if (form.files.filter(({ name }) => name === part.fieldname).length > limits[kind]) {
        throw unfit(`At most ${limits[kind]} files ${part.fieldname}.`);
      }
    } else {
      if (part.valueTruncated || part.fieldnameTruncated) throw unfit(`${printable(part.fieldname)} is too long.`);
      form.fields.push([part.fieldname, String(part.value)]);
    }
  }
  return form;
}

/** Without a listener the rest runs into nothing; the connection is cut where it does not end. */
function leaveUnread({ raw }: FastifyRequest, lingerMs: number): void {
  raw.unpipe();
  raw.resume();
  const cut = setTimeout(() => raw.destroy(), lingerMs).unref();
  raw.once("end", () => clearTimeout(cut));
}

const tooLarge = (bytesMax: number): Problem => new Problem("body_too_large", { detail: `At most ${bytesMax} bytes.` });

const unfit = (detail: string): Problem => new Problem("pod_unfit", { detail });

/** True for a file name that tries to be more than a name. */
function isPath(name: string): boolean {
  return /[\\/\0]/.test(name) || climbs(name) || name === "." || name === "..";
}

/** Names from outside, short enough to repeat. */
const printable = (name: string): string => JSON.stringify(name.slice(0, 60));

/** What the parser throws, in our words. */
function problemOfParser(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  switch (code) {
    case "FST_REQ_FILE_TOO_LARGE":
      return new Problem("body_too_large", { detail: "A file is too large." });
    case "FST_PARTS_LIMIT":
    case "FST_FIELDS_LIMIT":
    case "FST_FILES_LIMIT":
      return unfit("There are too many parts.");
    case "FST_PROTO_VIOLATION":
      return unfit("A field has a name that is not allowed.");
    default:
      if (error instanceof Problem || !(error instanceof Error)) return error;
      return new Problem("bad_request", { detail: "The multipart body is cut off or malformed." });
  }
}
