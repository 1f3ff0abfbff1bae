/** The command line was used in a way that can't be meant: exit code 2. */
export class UsageError extends Error {}
