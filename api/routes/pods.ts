import multipart from "@fastify/multipart";
import { type FastifyPluginAsyncTypebox, TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { listArtefacts } from "#store/artefacts.ts";
import { eraseRecipient, overridePod } from "#store/evidence.ts";
import { ownSecret } from "#store/own-secrets.ts";
import {
  findPod,
  findPodOfStop,
  listCustody,
  listOverrides,
  listPods,
  listVerdicts,
  type PodView,
} from "#store/pod-reads.ts";
import type { RouteContext } from "../context.ts";
import { formatCursor, INT8_MAX, parseCursor } from "../cursor.ts";
import { PAGE_ROWS_DEFAULT } from "../limits.ts";
import { PodBody } from "../pod/form-fields.ts";
import { POD_LIMITS, podBodyBytesMax } from "../pod/pod-limits.ts";
import { receivePod } from "../pod/receive-pod.ts";
import { signedUrl } from "../pod/signed-urls.ts";
import { CustodySchema, custodyJson, PodSchema, podJson, VerdictSchema, verdictJson } from "../pod-json.ts";
import { Problem } from "../problems.ts";
import { Page, PageQuery, pageOf, Ref } from "../schemas.ts";

const Params = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) });

const NewOverride = Type.Object(
  {
    verdict: Type.Enum(["accepted", "rejected"]),
    note: Type.String({ minLength: 1, maxLength: 2_000, description: "Why; it stays" }),
  },
  { additionalProperties: false },
);

/** How custody names whoever holds the key. */
export const whoIs = ({ principal }: FastifyRequest): string => `key:${principal.keyId}`;

/** `/v1/stops/{id}/pod`, `/v1/pods…`. */
export const podRoutes =
  ({ database, now, limits }: RouteContext): FastifyPluginAsyncTypebox =>
  async (app) => {
    const podLimits = limits.pod ?? POD_LIMITS;
    await app.register(multipart);
    const tags = ["proof of delivery"];

    const answer = async (request: FastifyRequest, pods: readonly PodView[]) => {
      const ids = pods.map(({ podId }) => podId);
      const [artefacts, verdicts, overrides, secret] = await Promise.all([
        listArtefacts(database, ids),
        listVerdicts(database, ids),
        listOverrides(database, ids),
        ownSecret(database, "artefact urls"),
      ]);
      const urlOf = (artefactId: string): string => signedUrl(secret, artefactId, whoIs(request), now());
      return pods.map((pod) => podJson(pod, { artefacts, verdicts, overrides, urlOf }));
    };
    const visiblePod = async (request: FastifyRequest, id: number): Promise<PodView> => {
      const pod = await findPod(database, request.principal.fleetId, String(id));
      if (pod === undefined) throw new Problem("not_found");
      return pod;
    };

    app.post(
      "/stops/:id/pod",
      {
        config: { scope: "pods:write" },
        bodyLimit: podBodyBytesMax(podLimits),
        // The body is read by the multipart parser; its schema is for the document.
        validatorCompiler: (route) => (route.httpPart === "body" ? () => true : TypeBoxValidatorCompiler(route)),
        schema: {
          ...{ tags, summary: "Hand in a proof of delivery", consumes: ["multipart/form-data"], params: Params },
          description: "Answered once it is stored. The same client id with the same content again answers 200.",
          body: PodBody,
          response: { 200: Ref(PodSchema), 201: Ref(PodSchema) },
        },
      },
      async (request, reply) => {
        const { fleetId } = request.principal;
        const sender = { fleetId, stopId: String(request.params.id), who: whoIs(request) };
        const { podId, repeated } = await receivePod({ database, now, limits: podLimits }, request, sender);
        const [pod] = await answer(request, [await visiblePod(request, Number(podId))]);
        return reply
          .code(repeated ? 200 : 201)
          .header("location", `/v1/pods/${podId}`)
          .send(pod!);
      },
    );

    app.get(
      "/stops/:id/pod",
      {
        config: { scope: "pods:read" },
        schema: { tags, summary: "The newest proof of a stop", params: Params, response: { 200: Ref(PodSchema) } },
      },
      async (request) => {
        const pod = await findPodOfStop(database, request.principal.fleetId, String(request.params.id));
        if (pod === undefined) throw new Problem("not_found");
        return (await answer(request, [pod]))[0]!;
      },
    );

    app.get(
      "/pods",
      {
        config: { scope: "pods:read" },
        schema: {
          ...{ tags, summary: "Proofs of the fleet, oldest first" },
          querystring: Type.Interface([PageQuery], {
            stopId: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
          }),
          response: { 200: Page(PodSchema) },
        },
      },
      async (request) => {
        const { query, principal } = request;
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [afterPodId] = query.after === undefined ? ["0"] : parseCursor("pods", query.after, [INT8_MAX]);
        const stopId = query.stopId === undefined ? null : String(query.stopId);
        const filter = { fleetId: principal.fleetId, stopId, afterPodId: afterPodId!, limit: limit + 1 };
        const items = await answer(request, await listPods(database, filter));
        return pageOf(
          items,
          limit,
          (item) => item,
          (last) => formatCursor("pods", last.id),
        );
      },
    );

    app.get(
      "/pods/:id",
      {
        config: { scope: "pods:read" },
        schema: { tags, summary: "A proof of delivery", params: Params, response: { 200: Ref(PodSchema) } },
      },
      async (request) => (await answer(request, [await visiblePod(request, request.params.id)]))[0]!,
    );

    app.get(
      "/pods/:id/verdicts",
      {
        config: { scope: "pods:read" },
        schema: {
          ...{ tags, summary: "Every version of the verdict, newest first", params: Params },
          response: { 200: Page(VerdictSchema) },
        },
      },
      async (request) => {
        const pod = await visiblePod(request, request.params.id);
        const verdicts = await listVerdicts(database, [pod.podId]);
        return { data: verdicts.map(verdictJson), next_cursor: null, has_more: false };
      },
    );

    app.get(
      "/pods/:id/custody",
      {
        config: { scope: "pods:read" },
        schema: {
          ...{ tags, summary: "Who did what with it, in order", params: Params, querystring: PageQuery },
          response: { 200: Page(CustodySchema) },
        },
      },
      async (request) => {
        const pod = await visiblePod(request, request.params.id);
        const { query } = request;
        const limit = query.limit ?? PAGE_ROWS_DEFAULT;
        const [after] = query.after === undefined ? ["0"] : parseCursor("custody", query.after, [INT8_MAX]);
        const rows = await listCustody(database, pod, { after: after!, limit: limit + 1 });
        return pageOf(rows, limit, custodyJson, (last) => formatCursor("custody", last.custodyId));
      },
    );

    app.post(
      "/pods/:id/override",
      {
        config: { scope: "pods:override" },
        schema: {
          ...{ tags, summary: "Say what a person thinks of it; the verdict stays", params: Params, body: NewOverride },
          response: { 201: Ref(PodSchema) },
        },
      },
      async (request, reply) => {
        const override = { ...request.body, podId: String(request.params.id), who: whoIs(request), atMs: now() };
        const isDone = await overridePod(database, request.principal.fleetId, override);
        if (!isDone) throw new Problem("not_found");
        const [pod] = await answer(request, [await visiblePod(request, request.params.id)]);
        return reply.code(201).send(pod!);
      },
    );

    app.post(
      "/stops/:id/erase-recipient",
      {
        config: { scope: "pods:erase" },
        schema: {
          ...{ tags, summary: "Forget the recipient of a stop, for good", params: Params },
          description: "Their contact, pictures and names can't be read by anybody afterwards. Hashes stay.",
          response: { 200: Type.Object({ stopId: Type.String(), pods: Type.Integer() }) },
        },
      },
      async (request) => {
        const stopId = String(request.params.id);
        const erasure = { stopId, who: whoIs(request), atMs: now() };
        const pods = await eraseRecipient(database, request.principal.fleetId, erasure);
        if (pods === undefined) throw new Problem("not_found");
        return { stopId, pods };
      },
    );
  };
