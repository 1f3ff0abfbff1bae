import { isIPv6 } from "node:net";

export type LimitReached = "total" | "perAddress";

/** Counts the open connections in total and by network address; an IPv6 customer is counted by the /64 it was given. */
export class ConnectionLimits {
  readonly #totalMax: number;
  readonly #perAddressMax: number;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(totalMax: number, perAddressMax: number) {
    this.#totalMax = totalMax;
    this.#perAddressMax = perAddressMax;
  }

  get total(): number {
    return this.#total;
  }

  /** Takes a place for a connection whose address is not known yet (behind a load balancer). */
  enter(): LimitReached | undefined {
    if (this.#total >= this.#totalMax) return "total";
    this.#total += 1;
    return undefined;
  }

  leave(): void {
    this.#total -= 1;
  }

  enterAddress(address: string): LimitReached | undefined {
    const key = addressKey(address);
    const count = this.#byAddress.get(key) ?? 0;
    if (count >= this.#perAddressMax) return "perAddress";
    this.#byAddress.set(key, count + 1);
    return undefined;
  }

  leaveAddress(address: string): void {
    const key = addressKey(address);
    const count = this.#byAddress.get(key) ?? 0;
    if (count > 1) this.#byAddress.set(key, count - 1);
    else this.#byAddress.delete(key);
  }
}

/** An IPv4 address that arrived on a dual-stack socket is written as IPv4. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** The address itself for IPv4, the first 64 bits for IPv6: its holder has all the rest to himself. */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const headGroups = head === "" ? [] : head.split(":");
  const tailGroups = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(Math.max(0, 8 - headGroups.length - tailGroups.length)).fill("0");
  const groups = [...headGroups, ...zeros, ...tailGroups].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
