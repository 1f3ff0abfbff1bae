import type { EtaState } from "./eta.ts";

/** The pace of this driver today against what was learned from everybody, of services and of drives; 1 is as learned. */
type Pace = EtaState["pace"];
export const FRESH_PACE: Pace = { serviceLog: 0, visits: 0, driveS: 0, expectedDriveS: 0 };

/** What was learned is worth so many seconds of drives … */
const DRIVE_PACE_WORTH_S = 1_500;
/** … or so many visits. */
const SERVICE_PACE_WORTH_VISITS = 40;
/** A visit that went wrong says little of the driver: its logarithm is cut at so much above or below the usual. */
const SERVICE_LOG_MAX = 1;

/** `logAbove`: by how much the logarithm of the service lay above the expected. */
export function paceAfterVisit(pace: Pace, logAbove: number): Pace {
  const { serviceLog = 0, visits = 0 } = pace;
  const cut = Math.min(SERVICE_LOG_MAX, Math.max(-SERVICE_LOG_MAX, logAbove));
  return { ...pace, serviceLog: serviceLog + cut, visits: visits + 1 };
}

export function paceAfterDrive(pace: Pace, drivenS: number, expectedS: number): Pace {
  return { ...pace, driveS: pace.driveS + drivenS, expectedDriveS: pace.expectedDriveS + expectedS };
}

/** How long services take today against what was learned. */
export function servicePace(state: EtaState | null): number {
  const { serviceLog = 0, visits = 0 } = state?.pace ?? FRESH_PACE;
  return Math.exp(serviceLog / (visits + SERVICE_PACE_WORTH_VISITS));
}

/** How long drives take today against what was learned. */
export function drivePace(state: EtaState | null): number {
  const { driveS, expectedDriveS } = state?.pace ?? FRESH_PACE;
  return (driveS + DRIVE_PACE_WORTH_S) / (expectedDriveS + DRIVE_PACE_WORTH_S);
}
