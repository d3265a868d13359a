/** What certbot's debug log says about a run. Pure. The format is python3-acme's, the same in 2.1 and 4.0. */

/**
 * Whether the CA was asked to issue: the order's `finalize` address (RFC 8555 §7.4) was sent a request. Before
 * that, no certificate can exist.
 */
export function askedToIssue(log: string): boolean {
  const addresses = [...log.matchAll(/"finalize":\s*"([^"]+)"/g)].flatMap((m) => m[1] ?? []);
  return addresses.some((address) => log.includes(`Sending POST request to ${address}:`));
}

/**
 * When the CA allows the next request: `Retry-After` of a refusal (429, 503; RFC 8555 §6.6), or what Let's
 * Encrypt writes into the message.
 * @param now of the answer; Retry-After counts in seconds from it.
 */
export function retryTime(log: string, now: Date): Date | undefined {
  const times: number[] = [];
  for (const refusal of log.matchAll(/^HTTP (?:429|503)\n((?:[A-Za-z0-9-]+: .*\n)*)/gm)) {
    const value = /^retry-after: (.+)$/im.exec(refusal[1] ?? "")?.[1];
    if (value !== undefined)
      times.push(/^\d+$/.test(value) ? now.getTime() + Number(value) * 1000 : Date.parse(value));
  }
  for (const m of log.matchAll(/retry after (\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d) ?(?:UTC|Z)/g)) {
    times.push(Date.parse(`${m[1]}T${m[2]}Z`));
  }
  const known = times.filter(Number.isFinite);
  return known.length === 0 ? undefined : new Date(Math.max(...known));
}

/** The CA's own words for the last problem it reported (RFC 7807), e.g. "rateLimited: too many …". */
export function problemOf(log: string): string | undefined {
  const problems = [
    ...log.matchAll(/"type":\s*"urn:ietf:params:acme:error:([A-Za-z]+)",\s*"detail":\s*"((?:[^"\\]|\\.)*)"/g),
  ].filter((m) => m[1] !== "badNonce");
  const last = problems.at(-1);
  return last && `${last[1]}: ${last[2]}`;
}
