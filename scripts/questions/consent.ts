/** Whether AWS may be asked. Pure. */
import { EverspotError } from "../../agent/site/errors.ts";

/** Dollars at most: three small instances for some minutes, their disks, a few requests. */
export const COST = 0.1;
export const MINUTES = 20;

const USAGE = 2;

/** An endpoint on this machine is no AWS. */
export function isLoopback(endpoint: string | undefined): boolean {
  if (endpoint === undefined || !URL.canParse(endpoint)) return false;
  const { hostname } = new URL(endpoint);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/**
 * @param agreed the account that a person named after having read what it costs.
 * @throws EverspotError unless this is not AWS, or a person named this very account.
 */
export function consent(
  endpoint: string | undefined,
  caller: { account: string; arn: string },
  agreed: string | undefined,
): void {
  if (isLoopback(endpoint) || agreed === caller.account) return;
  const what = `${caller.account} (as ${caller.arn})`;
  throw new EverspotError(
    agreed === undefined
      ? `this would ask AWS itself, in the account ${what}`
      : `the credentials are those of another account, ${what}, than --yes-aws names`,
    {
      hint: `it makes a network, fleets, three small instances, a bucket and two roles, each tagged everspot:contact, takes at most ${MINUTES} minutes and $${COST.toFixed(2)}, and removes them all; to go on: --yes-aws ${caller.account}`,
      exitCode: USAGE,
    },
  );
}
