import { claimDeliveryFold } from "#store/delivery-fold.ts";
import { type ClaimedRounds, openClaimedRounds } from "../claimed-work.ts";
import { type DeliveryDeps, DeliveryRounds } from "./delivery-round.ts";

/** Routes, plans and bindings are looked for when they are announced, and at least so often. */
const LOOK_MS = 5_000;

export type DeliveryFoldDeps = DeliveryDeps & Pick<ClaimedRounds, "databaseUrl" | "log" | "listen">;

export type DeliveryFold = { close(): Promise<void> };

/** Keeps routes, stops and their ETAs up to date in whichever process claims it first. */
export function openDeliveryFold(deps: DeliveryFoldDeps): Promise<DeliveryFold> {
  let isNews = true;
  return openClaimedRounds({
    ...{ databaseUrl: deps.databaseUrl, log: deps.log, listen: deps.listen },
    ...{ applicationName: "delivery", startsAgain: "the fold of routes starts again" },
    channels: ["fixes", "plans", "geofences", "vehicles"],
    heard: (channel) => {
      if (channel === "plans" || channel === "vehicles") isNews = true;
    },
    claim: claimDeliveryFold,
    begin: (client) => {
      const rounds = new DeliveryRounds(client, deps);
      let lookAtMs = 0;
      return async () => {
        if (isNews || deps.now() >= lookAtMs) {
          isNews = false;
          lookAtMs = deps.now() + LOOK_MS;
          await rounds.look();
        }
        await rounds.round();
      };
    },
  });
}
