/** The journal's errors by name: the interface promises these two, whichever engine is behind it. */

/** No room for the frame now; it may be offered again. */
export function isJournalFull(error: unknown): boolean {
  return error instanceof Error && error.name === "JournalFullError";
}

/** The journal takes no frame any more. */
export function isJournalClosed(error: unknown): boolean {
  return error instanceof Error && error.name === "JournalClosedError";
}
