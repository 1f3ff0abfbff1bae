import { type ApproachModel, unlearnedApproaches } from "./approaches.ts";
import { type ErrorModel, unlearnedErrors } from "./errors.ts";
import { type RestModel, unlearnedRests } from "./rests.ts";
import { type ServiceModel, unlearnedServices } from "./service-times.ts";
import { type SpeedModel, unlearnedSpeeds } from "./speeds.ts";

/** What a fleet has learned, whole and as plain JSON. Version 0 is what everybody begins with. */
export type EtaModel = {
  version: number;
  /** Whose local time the week's hours are. */
  timeZone: string;
  speeds: SpeedModel;
  approaches: ApproachModel;
  services: ServiceModel;
  rests: RestModel;
  errors: ErrorModel;
};

export function unlearnedModel(timeZone: string): EtaModel {
  return {
    version: 0,
    timeZone,
    speeds: unlearnedSpeeds,
    approaches: unlearnedApproaches,
    services: unlearnedServices,
    rests: unlearnedRests,
    errors: unlearnedErrors,
  };
}
