import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";

/** A number as people write it: no hexadecimal digits, no blanks around it, not nothing. */
const DECIMAL = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/**
 * TypeBox's own, but a number in a path or a query is the one that was written or refused: TypeBox makes 1 of `1.9` and of
 * `true`, and 0 of nothing, so that `DELETE …/1.9` would delete 1.
 */
export const compileValidator: typeof TypeBoxValidatorCompiler = (part) => {
  const validate = TypeBoxValidatorCompiler(part);
  if (part.httpPart === "body") return validate;
  return (given: Texts) => {
    // It is converted in place.
    const texts = { ...given };
    const result = validate(given);
    if (typeof result !== "object" || !("value" in result)) return result;
    const wrong = Object.keys(texts).filter((name) => isOther(texts[name], result.value[name]));
    if (wrong.length === 0) return result;
    return { error: wrong.map((name) => ({ ...NOT_THIS_NUMBER, instancePath: `/${name}` })) };
  };
};

type Texts = { readonly [name: string]: unknown };

const NOT_THIS_NUMBER = { keyword: "type", schemaPath: "", params: {}, message: "is not a number of this kind" };

function isOther(given: unknown, read: unknown): boolean {
  if (typeof given !== "string" || typeof read !== "number") return false;
  return !DECIMAL.test(given) || Number(given) !== read;
}
