type Numbers = Float64Array | Float32Array | Uint32Array | Int32Array | Uint8Array | Int8Array;

const GROWTH = 1.5;

/**
 * The array itself while it has room for `length` numbers, else a longer copy. For columns whose length shows while they
 * are filled: a plain array costs 8 bytes a number and ends at 2^27 of them, which a country's shape points pass.
 */
export function withRoom<A extends Numbers>(array: A, length: number): A {
  if (length <= array.length) return array;
  const grown = Reflect.construct(array.constructor, [Math.max(length, Math.ceil(array.length * GROWTH))]) as A;
  grown.set(array);
  return grown;
}
