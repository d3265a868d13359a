import type { Clock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import { writeAtomic } from "../system/files.ts";

/** Those of the instance's role. */
export type Credentials = () => Promise<{
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}>;

/** The metadata service has new ones five minutes before the old expire (EC2 user guide, "Retrieve security credentials"). */
const EVERY_SECONDS = 60;

/** The role's credentials in a file, for a process that cannot reach the metadata service. */
export class HandDown {
  readonly #file: string;
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  readonly #onTrouble: (message: string) => void;
  #written = "";

  /** @param file in a folder that only that process and root can enter. */
  constructor(file: string, credentials: Credentials, clock: Clock, onTrouble: (message: string) => void) {
    this.#file = file;
    this.#credentials = credentials;
    this.#clock = clock;
    this.#onTrouble = onTrouble;
  }

  async now(): Promise<void> {
    const text = JSON.stringify(await this.#credentials());
    if (text === this.#written) return;
    await writeAtomic(this.#file, text, 0o644);
    this.#written = text;
  }

  /** Never rejects; ends when the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(EVERY_SECONDS * 1000, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.now().catch((error: unknown) =>
        this.#onTrouble(`credentials of what keeps the site's state: ${messageOf(error)}`),
      );
    }
  }
}
