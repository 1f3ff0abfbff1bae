import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { problemOf } from "./problem-of.ts";
import { PROBLEM_MEDIA_TYPE, Problem } from "./problems.ts";

/** Answers everything that goes wrong with a problem of the catalogue, and logs what was not the client's doing. */
export function answerProblems(app: FastifyInstance): void {
  const patterns: { method: string; path: RegExp }[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    for (const name of [method].flat()) patterns.push({ method: name, path: pathPattern(url) });
  });

  app.setErrorHandler((error: Error, request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) request.log.error({ err: error, route: request.routeOptions.url }, "request failed");
    answer(problem, request, reply);
  });

  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split("?", 1)[0]!;
    const methods = patterns.filter((pattern) => pattern.path.test(path)).map(({ method }) => method);
    // Where the path has this method, one of its parameters can't be what it says.
    const problem =
      methods.length === 0 || methods.includes(request.method)
        ? new Problem("not_found", { detail: "No such path." })
        : new Problem("method_not_allowed", { headers: { allow: [...new Set(methods)].join(", ") } });
    answer(problem, request, reply);
  });
}

/** A URL that the router can't read or refuses: it never comes to a route. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answer(problemOf(error), request, reply);
}

function answer(problem: Problem, request: FastifyRequest, reply: FastifyReply): void {
  reply
    .code(problem.status)
    .headers(problem.headers)
    .type(PROBLEM_MEDIA_TYPE)
    .serializer(JSON.stringify)
    .send(problem.body(request.id));
}

/** `/devices/:id/fixes` or `/tiles/:y(^\d+).pbf` as an expression; a wildcard takes the rest. */
function pathPattern(url: string): RegExp {
  const literal = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*");
  const parts = url.split(/:\w+(?:\([^)]*\))?/).map(literal);
  return new RegExp(`^${parts.join("[^/]+")}$`);
}
