import type { FastifyError } from "fastify";
import { Problem } from "./problems.ts";

const DATABASE_RETRY_S = 2;

/** SQLSTATE classes and Node codes that mean the server cannot be reached or is going away; a retry may succeed. */
const AWAY_CODES =
  /^(08...|57P0[1-5]|53...|25006|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)$/;
/** pg gives these without a code. */
const AWAY_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/;

/** True for the error of a query that failed because the database is away, not because of the query. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return AWAY_CODES.test(code) || AWAY_MESSAGES.test(error.message) || isDatabaseAway(error.cause);
}

/** What to answer for anything thrown while a request was served. Nothing of an unexpected error is told. */
export function problemOf(error: FastifyError | Error): Problem {
  if (error instanceof Problem) return error;
  if (isFleetMissing(error)) return new Problem("not_found", { detail: "There is no such fleet." });
  if (isDatabaseAway(error)) {
    return new Problem("database_away", { headers: { "retry-after": String(DATABASE_RETRY_S) } });
  }
  if ("validation" in error && Array.isArray(error.validation)) return validationProblem(error);
  const status = "statusCode" in error ? error.statusCode : undefined;
  if (status === 401) return new Problem("key_missing", { headers: { "www-authenticate": "Bearer" } });
  if (status === 414) return new Problem("url_too_long");
  if (status === 413) return new Problem("body_too_large");
  if (status === 415) return new Problem("media_type");
  if (status !== undefined && status >= 400 && status < 500)
    return new Problem("bad_request", { detail: error.message });
  return new Problem("internal");
}

/** A foreign key says that the fleet, which only a key for all fleets can choose, does not exist. */
function isFleetMissing(error: object): boolean {
  return "code" in error && error.code === "23503" && "constraint" in error && /fleet/.test(String(error.constraint));
}

function validationProblem(error: FastifyError): Problem {
  const where = error.validationContext ?? "request";
  const errors = (error.validation ?? []).map(({ instancePath, message, params }) => ({
    in: where,
    pointer: instancePath,
    detail: message ?? "does not match",
    ...("additionalProperties" in params ? { names: params.additionalProperties } : {}),
  }));
  return new Problem("validation", { extensions: { errors } });
}
