import { AwsError } from "../wire/errors.ts";

/** 127.0.1.10 up to 127.0.1.250: .1 is the host's own name on Debian. */
const FIRST = 10;
const LAST = 250;

/**
 * Loopback addresses for instances. One is not given again before all others had their turn, so that a client
 * that still uses the address of a dead instance meets no one.
 */
export class Addresses {
  readonly #used = new Set<number>();
  #next = FIRST;

  /** @throws AwsError InsufficientFreeAddressesInSubnet */
  take(): string {
    for (let tries = FIRST; tries <= LAST; tries++) {
      const n = this.#next;
      this.#next = n === LAST ? FIRST : n + 1;
      if (this.#used.has(n)) continue;
      this.#used.add(n);
      return `127.0.1.${n}`;
    }
    throw new AwsError(
      "InsufficientFreeAddressesInSubnet",
      "There are not enough free addresses in the subnet.",
    );
  }

  /** Idempotent. */
  free(address: string): void {
    this.#used.delete(Number(address.split(".")[3]));
  }
}
