/** An error as AWS answers it. `extra` are further elements of the error (e.g. `{ BucketName: "b" }`). */
export class AwsError extends Error {
  override readonly name = "AwsError";
  readonly code: string;
  readonly status: number;
  readonly extra: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: string,
    message: string,
    status = 400,
    extra: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.extra = extra;
    this.headers = headers;
  }
}

/**
 * A request or an answer AWS could not have made: an unknown member, a missing required one, an operation
 * no one models. A bug of the caller or of the model, never a behaviour of AWS; answered with status 418,
 * which no client retries, and kept in `WireServer.faults`.
 */
export class ContractError extends Error {
  override readonly name = "ContractError";
}
