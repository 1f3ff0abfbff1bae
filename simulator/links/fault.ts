import type { Fault, FaultRates } from "../device.ts";
import { pick, type Random } from "../random.ts";

const FAULTS: readonly Fault[] = ["cut", "vanish", "split", "corrupt"];

/** Which fault befalls the next packet, if any; `duplicate` is decided later, when its acknowledgement has come. */
export function chooseFault(rates: FaultRates, random: Random): Fault | null {
  let left = random();
  for (const fault of FAULTS) {
    left -= rates[fault];
    if (left < 0) return fault;
  }
  return null;
}

/** A copy with one bit turned over. */
export function corrupted(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  const at = pick(random, copy.length);
  copy[at] = copy[at]! ^ (1 << pick(random, 8));
  return copy;
}
