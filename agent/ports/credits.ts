/** How EC2 lets this machine pay for processor time. */
export interface CreditMode {
  /**
   * No credits are borrowed from here on; what is owed by then is charged. Idempotent.
   * @throws EverspotError when EC2 refuses: with `retry` unless that is for good.
   */
  standard(): Promise<void>;
}
