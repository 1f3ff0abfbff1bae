/** The journal holds as many waiting bytes as it may: the caller must not read more of its connections now. */
export class JournalFullError extends Error {
  override readonly name = "JournalFullError";
  readonly code = "JOURNAL_FULL";
}

/** The journal was closed before the frame was committed. */
export class JournalClosedError extends Error {
  override readonly name = "JournalClosedError";
  readonly code = "JOURNAL_CLOSED";
}

/** The database refuses this very frame, now and for ever: it must not be acknowledged. */
export class JournalFrameError extends Error {
  override readonly name = "JournalFrameError";
  readonly code = "JOURNAL_FRAME";
}
