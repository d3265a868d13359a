/** What is wrong with when a job is to be due; for a person. */
export class AtError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
