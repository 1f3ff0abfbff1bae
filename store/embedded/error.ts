export class EmbeddedPostgresError extends Error {
  override readonly name = "EmbeddedPostgresError";
  readonly code: "EMBEDDED_IN_USE" | "EMBEDDED_OWNER" | "EMBEDDED_UNSUPPORTED" | "EMBEDDED_START";
  constructor(code: EmbeddedPostgresError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
