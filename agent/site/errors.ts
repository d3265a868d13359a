/**
 * The one error a user may see: what failed, on which resource, what to do.
 * Caught once, at each entry point, and printed without a stack trace. Anything else that reaches an entry
 * point is a bug of ours and is printed as one.
 */
export class EverspotError extends Error {
  override readonly name = "EverspotError";
  readonly resource: string | undefined;
  readonly hint: string | undefined;
  /** `fatal`: trying again unchanged cannot help. */
  readonly retry: "retry" | "fatal";
  /** Lines of output that show the cause, oldest first. */
  readonly lines: readonly string[];
  readonly exitCode: number;

  constructor(
    message: string,
    more: {
      resource?: string | undefined;
      hint?: string | undefined;
      retry?: "retry" | "fatal" | undefined;
      lines?: readonly string[] | undefined;
      exitCode?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.resource = more.resource;
    this.hint = more.hint;
    this.retry = more.retry ?? "fatal";
    this.lines = more.lines ?? [];
    this.exitCode = more.exitCode ?? 1;
  }
}

/** Exit code of a command that was used wrongly, or whose configuration is wrong. */
export const USAGE = 2;

/** A message for a person out of anything thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
