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
 * For how long the CA wants no further request, in ms: `Retry-After` of a refusal (429, 503; RFC 8555 §6.6), or what
 * Let's Encrypt writes into the message. Points in time count from the CA's own clock, as given in its answers.
 * @param now of this machine, when no answer gives the time.
 */
export function retryWait(log: string, now: Date): number | undefined {
  const caNow = Date.parse(/^date: (.+)$/im.exec(log)?.[1] ?? "") || now.getTime();
  const waits: number[] = [];
  for (const refusal of log.matchAll(/^HTTP (?:429|503)\n((?:[A-Za-z0-9-]+: .*\n)*)/gm)) {
    const value = /^retry-after: (.+)$/im.exec(refusal[1] ?? "")?.[1];
    if (value !== undefined)
      waits.push(/^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - caNow);
  }
  for (const m of log.matchAll(/retry after (\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d) ?(?:UTC|Z)/g)) {
    waits.push(Date.parse(`${m[1]}T${m[2]}Z`) - caNow);
  }
  const known = waits.filter((wait) => wait > 0);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** The CA's own words for the last problem it reported (RFC 7807), e.g. "rateLimited: too many …". */
export function problemOf(log: string): string | undefined {
  const problems = [
    ...log.matchAll(/"type":\s*"urn:ietf:params:acme:error:([A-Za-z]+)",\s*"detail":\s*"((?:[^"\\]|\\.)*)"/g),
  ].filter((m) => m[1] !== "badNonce");
  const last = problems.at(-1);
  return last && `${last[1]}: ${last[2]}`;
}

/** What certbot's output complains of; after "An unexpected error occurred:" the line that follows says it. */
export function complaintOf(output: readonly string[]): string | undefined {
  const unexpected = output.findIndex((line) => /unexpected error occurred:$/.test(line));
  const next = unexpected < 0 ? undefined : output[unexpected + 1];
  return next ?? output.findLast((line) => /error|unable|failed/i.test(line));
}
