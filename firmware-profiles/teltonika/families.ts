/** A family of models that share their element ids, and how the vendor's table marks its rows. */
export type Family = {
  name: string;
  title: string;
  /** Regular expressions over upper-case model names. No model may match two families. */
  models: readonly string[];
  /** Marks in the table's `families` column, the decisive one first. */
  markers: readonly RegExp[];
  /** Id of the element with the speed from the source that the device is configured to trust. */
  speedId?: number;
  /** Groups of elements that these models do not have. */
  without?: RegExp;
};

/** Lists of sensors that the table knows from observation; every family may send them. */
const OBSERVED = /^(?:seen|wiki)/;

const NOT_IN_OBD_DONGLES = /CAN|SUPERSOCO|^ES|^MAX|ISOBUS|FMS|Tacho/;

export const FAMILIES: readonly Family[] = [
  {
    name: "fmb",
    title: "FMB, FMC, FMM, FMU 0xx to 2xx and 9xx, FMT100, FMP100, MTB100, MSP500",
    models: ["FMB0[12]0", "FM[BCMU][129][0-9A-Z]{2}", "FM3001|FMT100|FMP100|MTB100|MSP500"],
    markers: [/\bBASE\b/, /\bCAN150\b/, /\bFMB0xx\b/, OBSERVED],
    speedId: 24,
  },
  {
    name: "obd",
    title: "OBD dongles FMB001 to FMB003 and their FMC, FMM relatives",
    models: ["FM[BCM]00[0-9A-Z]"],
    markers: [/\bBASE\b/, OBSERVED],
    speedId: 24,
    without: NOT_IN_OBD_DONGLES,
  },
  {
    name: "professional",
    title: "FMB630, FMB640, FMB641, FMC640, FMC650, FMM640, FMM650, FM63xx, FM5300",
    models: ["FM[BCM]6[345][0-9A-Z]", "FM63[0-9A-Z]{2}|FM5300"],
    markers: [/\bPRO6(?= |$)/, /\bPRO6:\S*FMC650/, /\bPRO6:/, OBSERVED],
  },
  {
    name: "personal",
    title: "TAT asset trackers, TMT250 and GH5200",
    models: ["TAT[0-9A-Z]{3}", "TMT250|GH5200"],
    markers: [/\bTAT\b/, /\bPERSONAL\b/, OBSERVED],
  },
  {
    name: "f88",
    title: "FMB880, FMC880, FMM880, FMM80A",
    models: ["FM[BCM]8[08][0-9A-Z]"],
    markers: [/\bF88x\b/, OBSERVED],
  },
  { name: "tft", title: "TFT100", models: ["TFT[0-9A-Z]{3}"], markers: [/\bTFT\b/, OBSERVED] },
  { name: "tst", title: "TST100", models: ["TST[0-9A-Z]{3}"], markers: [/\bTST\b/, OBSERVED] },
];
