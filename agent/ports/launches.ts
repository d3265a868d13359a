/** What the fleet launches instances by. Every call can be repeated. @throws EverspotError (retry) */
export interface Launches {
  /** Version of the launch template; undefined when there is no fleet. */
  version(): Promise<number | undefined>;
  /** From now on by this version of the same template, in the same pools. */
  launchBy(version: number): Promise<void>;
  /** Whether an instance can be launched from it. */
  hasImage(image: string): Promise<boolean>;
  /** When it was made; undefined when it is gone. */
  imageCreated(image: string): Promise<Date | undefined>;
}
