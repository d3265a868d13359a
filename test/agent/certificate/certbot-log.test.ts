import { describe, expect, test } from "vitest";
import { askedToIssue, complaintOf, problemOf, retryWait } from "../../../agent/certificate/certbot-log.ts";

/** Lines of a log of certbot 2.1.0. */
const ORDERED = `2026-11-21 01:31:40,562:DEBUG:acme.client:Received response:
HTTP 201
Content-Type: application/json; charset=utf-8
Content-Length: 534

{
   "status": "pending",
   "finalize": "https://127.0.0.1:14000/finalize-order/a7LEb9",
   "authorizations": [
      "https://127.0.0.1:14000/authZ/2fW0f2"
   ]
}
2026-11-21 01:31:40,565:DEBUG:acme.client:Sending POST request to https://127.0.0.1:14000/authZ/2fW0f2:
`;
const FINALIZED = `${ORDERED}2026-11-21 01:31:41,565:DEBUG:acme.client:Sending POST request to https://127.0.0.1:14000/finalize-order/a7LEb9:
`;
const refusal = (
  status: number,
  headers: string,
  body = "",
) => `2026-11-21 01:31:40,562:DEBUG:acme.client:Received response:
HTTP ${status}
Content-Type: application/problem+json
${headers}Date: Sat, 21 Nov 2026 12:00:00 GMT

${body}
`;
const NOW = new Date("2026-11-21T12:00:00Z");

test("the CA was asked to issue once the order was finalized, not before", () => {
  expect(askedToIssue("")).toBe(false);
  expect(askedToIssue(ORDERED)).toBe(false);
  expect(askedToIssue(FINALIZED)).toBe(true);
});

describe("the time the CA wants to be left alone", () => {
  test.each([
    ["seconds", refusal(429, "Retry-After: 3600\n"), 3600],
    ["a date", refusal(503, "Retry-After: Sat, 21 Nov 2026 14:00:00 GMT\n"), 2 * 3600],
    [
      "words",
      refusal(
        429,
        "",
        `"detail": "too many certificates (5) already issued, retry after 2026-11-22 21:36:00 UTC: see"`,
      ),
      33.6 * 3600,
    ],
    ["the longest", refusal(503, "Retry-After: 5\n") + refusal(429, "retry-after: 60\n"), 60],
  ])("in %s", (_, log, expected) => {
    expect(retryWait(log, NOW)).toBe(expected * 1000);
    // Whatever this machine takes for now.
    expect(retryWait(log, new Date("2031-01-01"))).toBe(expected * 1000);
  });
  test.each([
    ["a refusal without it", refusal(429, "")],
    ["a hint with a good answer", refusal(200, "Retry-After: 3\n")],
    ["nonsense", refusal(429, "Retry-After: soon\n")],
    ["no log", ""],
  ])("is unknown from %s", (_, log) => {
    expect(retryWait(log, NOW)).toBeUndefined();
  });
});

test("the CA's last words, nonces aside", () => {
  const problem = (type: string, detail: string) => `{
  "type": "urn:ietf:params:acme:error:${type}",
  "detail": "${detail}",
  "status": 400
}`;
  expect(problemOf(ORDERED)).toBeUndefined();
  expect(problemOf(problem("dns", "NXDOMAIN") + problem("badNonce", "stale"))).toBe("dns: NXDOMAIN");
  expect(problemOf(problem("dns", "x") + problem("rateLimited", "too many"))).toBe("rateLimited: too many");
});

test("what certbot complains of, expected or not", () => {
  const timeout = "requests.exceptions.ReadTimeout: Read timed out. (read timeout=45)";
  const end = "See the logfile /x/letsencrypt.log or re-run Certbot with -v for more details.";
  expect(complaintOf(["Saving debug log", "An unexpected error occurred:", timeout, end])).toBe(timeout);
  expect(complaintOf(["Saving debug log", "Some challenges have failed.", end])).toBe(
    "Some challenges have failed.",
  );
  expect(complaintOf([])).toBeUndefined();
});
