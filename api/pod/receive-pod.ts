import { createHash, timingSafeEqual } from "node:crypto";
import canonicalize from "canonicalize";
import type { FastifyRequest } from "fastify";
import type { Database } from "#store/database.ts";
import { findStopPolicy, forgivePin, mayTryPin } from "#store/pod-policies.ts";
import { findPodOfClient, type NewArtefact, type NewPod, storePod } from "#store/pods.ts";
import { Problem } from "../problems.ts";
import { type PodFields, parsePodFields } from "./form-fields.ts";
import { checkImage } from "./image-check.ts";
import { PIN_FAILURES_MAX, type PodLimits } from "./pod-limits.ts";
import { lackingParts, proofPolicy } from "./policy.ts";
import { type PodForm, readPodForm } from "./read-form.ts";

/** Who hands a POD in, and for which stop. `fleetId` null: a key of all fleets. */
export type PodSender = { fleetId: number | null; stopId: string; who: string };

export type ReceivedPod = { podId: string; repeated: boolean };

type ReceiveDeps = { database: Database; now: () => number; limits: PodLimits };

/**
 * Takes a POD out of a multipart request and stores it: when this resolves, row and artefacts are committed. The same
 * client id with the same content again gives the POD that there is. Throws a problem.
 */
export async function receivePod(deps: ReceiveDeps, request: FastifyRequest, sender: PodSender): Promise<ReceivedPod> {
  const { database, now, limits } = deps;
  const stop = await findStopPolicy(database, sender.fleetId, sender.stopId);
  if (stop === undefined) throw new Problem("not_found");
  const form = await readPodForm(request, limits);
  const receivedAtMs = now();
  const fields = parsePodFields(form.fields);
  const artefacts = await artefactsOf(form);
  const clientKey = clientKeyOf(request, fields);
  const contentHash = hashOf(fields, artefacts);
  const repeated = clientKey === null ? undefined : await findPodOfClient(database, stop.fleetId, clientKey);
  if (repeated !== undefined) return repeatedPod(repeated, sender.stopId, contentHash);

  const policy = proofPolicy(stop.routePolicy, stop.policy);
  const pinConfirmed = await confirmPin(database, sender.stopId, policy.pin, fields.pin);
  const missing = lackingParts(policy, fields, form.files, pinConfirmed);
  if (missing.length > 0 && policy.lacking === "refuse") {
    throw new Problem("pod_incomplete", { detail: `Lacking: ${missing.join(", ")}.`, extensions: { missing } });
  }
  const pod = newPod(fields, { ...sender, clientKey, contentHash, receivedAtMs, missing, pinConfirmed, artefacts });
  const result = await storePod(database, sender.fleetId, pod);
  switch (result.kind) {
    case "stored":
      return { podId: result.podId, repeated: false };
    case "repeated":
      return { podId: result.podId, repeated: true };
    case "mismatch":
      throw new Problem("pod_key_reused");
    case "erased":
      throw new Problem("recipient_erased");
    case "missing":
      throw new Problem("not_found");
  }
}

function repeatedPod(
  found: { podId: string; stopId: string; contentHash: Buffer },
  stopId: string,
  contentHash: Buffer,
): ReceivedPod {
  if (found.stopId !== stopId || !found.contentHash.equals(contentHash)) throw new Problem("pod_key_reused");
  return { podId: found.podId, repeated: true };
}

async function artefactsOf({ files }: PodForm): Promise<NewArtefact[]> {
  const artefacts: NewArtefact[] = [];
  for (const [index, { name, bytes }] of files.entries()) {
    const checked = await checkImage(bytes);
    if (checked.kind === "refused") {
      throw new Problem("artefact_unfit", { detail: checked.detail, extensions: { part: name, index } });
    }
    const sha256 = createHash("sha256").update(bytes).digest();
    const kind = name === "signature" ? "signature" : "photo";
    artefacts.push({ kind, mediaType: checked.mediaType, bytes, sha256 });
  }
  return artefacts;
}

const CLIENT_KEY_CHARACTERS_MAX = 200;

function clientKeyOf({ headers }: FastifyRequest, { clientId }: PodFields): string | null {
  const header = headers["idempotency-key"];
  const key = clientId ?? (typeof header === "string" && header !== "" ? header : null);
  if (key !== null && (key.length > CLIENT_KEY_CHARACTERS_MAX || !key.isWellFormed())) {
    throw new Problem("bad_request", { detail: "Idempotency-Key is too long." });
  }
  return key;
}

/** Of all that a retry repeats: `sentAt` is the one thing that it does not. */
function hashOf({ sentAt: _sentAt, ...fields }: PodFields, artefacts: readonly NewArtefact[]): Buffer {
  const content = {
    fields,
    artefacts: artefacts.map(({ kind, sha256 }) => [kind, Buffer.from(sha256).toString("hex")]),
  };
  return createHash("sha256")
    .update(canonicalize(content) ?? "")
    .digest();
}

/** Null where no PIN was set. Few wrong ones are looked at: a PIN is short. */
async function confirmPin(
  database: Database,
  stopId: string,
  wanted: string | null,
  given: string | undefined,
): Promise<boolean | null> {
  if (wanted === null) return null;
  if (given === undefined || !(await mayTryPin(database, stopId, PIN_FAILURES_MAX))) return false;
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  const isRight = timingSafeEqual(digest(wanted), digest(given));
  if (isRight) await forgivePin(database, stopId);
  return isRight;
}

function newPod(
  fields: PodFields,
  rest: Pick<
    NewPod,
    "stopId" | "who" | "clientKey" | "contentHash" | "receivedAtMs" | "missing" | "pinConfirmed" | "artefacts"
  >,
): NewPod {
  const deviceTimeMs = timeMs(fields.deviceTime, "deviceTime");
  const { lat, lon, accuracyM, positionTime } = fields;
  const { stopId, who, clientKey, contentHash, receivedAtMs, missing, pinConfirmed, artefacts } = rest;
  return {
    ...{ stopId, who, clientKey, contentHash, receivedAtMs, missing, pinConfirmed, artefacts, deviceTimeMs },
    ...{ outcome: fields.outcome, reason: fields.reason ?? null, mock: fields.mock ?? false },
    sentAtMs: fields.sentAt === undefined ? null : timeMs(fields.sentAt, "sentAt"),
    position:
      lat === undefined || lon === undefined
        ? null
        : {
            ...{ latDeg: lat, lonDeg: lon, accuracyM: accuracyM ?? ACCURACY_UNKNOWN_M },
            timeMs: positionTime === undefined ? deviceTimeMs : timeMs(positionTime, "positionTime"),
          },
    details: {
      recipientName: fields.recipientName ?? null,
      relationship: fields.relationship ?? null,
      notes: fields.notes ?? null,
      scans: fields.scan ?? [],
      idCheck: fields.idCheck ?? null,
    },
  };
}

/** A position that says nothing of its accuracy: too vague to speak for anybody. */
const ACCURACY_UNKNOWN_M = 1_000;

function timeMs(text: string, name: string): number {
  const parsedMs = Date.parse(text);
  if (!Number.isNaN(parsedMs)) return parsedMs;
  const errors = [{ in: "body", pointer: `/${name}`, detail: "no time of the calendar" }];
  throw new Problem("validation", { extensions: { errors } });
}
