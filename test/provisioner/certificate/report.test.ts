import { expect, test } from "vitest";
import type { Attempt, CertificateLedger, CertificatePointer } from "../../../agent/site/certificates.ts";
import { linesOf } from "../../../provisioner/certificate/lines.ts";
import { type ReportInput, reportOf } from "../../../provisioner/certificate/report.ts";
import { styleFor } from "../../../provisioner/operator/terminal.ts";

const NOW = new Date("2026-11-21T12:00:00Z");
const CA = "https://ca.example/dir";
const OTHER = "https://other.example/dir";
const style = styleFor({ write: () => undefined });

const attempt = (id: string, at: string, more: Partial<Attempt> = {}): Attempt => ({
  ...{ id, by: "i-1", process: "p", at, lease: at, ended: at, outcome: "issued", certificate: id },
  ...more,
});
const issuance = (id: string, serial: string, created: string, notAfter: string) => ({
  ...{ id, serial, issuer: "R11", names: ["blog.example.com"], notBefore: created, notAfter, created },
  ...{ directory: CA, by: "i-1", sha256: "0".repeat(64), renewAt: "2027-01-10T00:00:00.000Z" },
});
const pointer: CertificatePointer = {
  ...{ version: 1, nonce: "n", names: ["blog.example.com"] },
  issuances: [
    issuance("c2", "0b", "2026-11-20T22:00:00.000Z", "2027-02-18T22:00:00.000Z"),
    issuance("c0", "0a", "2026-09-01T00:00:00.000Z", "2026-11-30T00:00:00.000Z"),
  ],
};
const ledger: CertificateLedger = {
  ...{ version: 1, nonce: "n", names: ["blog.example.com"] },
  directories: {
    [CA]: [
      attempt("c2", "2026-11-20T22:00:00.000Z"),
      attempt("x", "2026-11-21T11:50:00.000Z", { outcome: "failed", error: "DNS: SERVFAIL" }),
    ],
    [OTHER]: [],
  },
};
const served = {
  ...{ serial: "0b", issuer: "R11", names: ["blog.example.com"], distrust: undefined },
  ...{ notBefore: new Date("2026-11-20T22:00:00Z"), notAfter: new Date("2027-02-18T22:00:00Z") },
};
const input: ReportInput = {
  ...{ directories: [CA], pointer, ledger, served, source: "stored", now: NOW },
};
const lines = (more: Partial<ReportInput> = {}) =>
  linesOf(reportOf({ ...input, ...more }), NOW.getTime(), style);

test("what is served, when it is renewed, what is left of the budget, and the past, newest first", () => {
  expect(lines()).toEqual([
    "served      0b from R11, the newest in the bucket",
    "names       blog.example.com",
    "expires     2027-02-18 (89 days)",
    "renewal     from 2027-01-10 (50 days)",
    "budget      3 of 4 issuances left, next back in 6 days",
    "history     2026-11-21 11:50Z  failed    by i-1, at ca.example, DNS: SERVFAIL",
    "            2026-11-20 22:00Z  issued    0b, by i-1, at ca.example, until 2027-02-18",
    "            2026-09-01 00:00Z  issued    0a, by i-1, at ca.example, until 2026-11-30",
  ]);
});

test("issuances come back one by one, and what no one knows the end of counts", () => {
  const at = (hours: number) => new Date(NOW.getTime() - hours * 3600_000).toISOString();
  const spent = {
    ...ledger,
    directories: {
      [CA]: [
        attempt("a", at(134)),
        attempt("b", at(100), { outcome: "unknown", error: "it died" }),
        attempt("c", at(50)),
        attempt("d", at(20)),
      ],
    },
  };
  const text = lines({ ledger: spent }).join("\n");
  expect(text).toContain(
    "0 of 4 issuances left, next back in 34 h; the 4 certificates of 7 days are used up",
  );
  expect(text).toMatch(/lost {6}by i-1, at ca.example, it died/);
});

test("each directory has a budget of its own", () => {
  const found = lines({ directories: [CA, OTHER] }).filter((line) => line.startsWith("budget"));
  expect(found).toEqual([
    "budget      3 of 4 issuances left, next back in 6 days at ca.example",
    "budget      4 of 4 issuances left at other.example",
  ]);
});

test("what is odd is said: an older one served, one near its end, one that no one trusts", () => {
  const old = {
    ...served,
    ...{ serial: "0a", notBefore: new Date("2026-09-01"), notAfter: new Date("2026-11-30") },
    distrust: "CERT_UNTRUSTED",
  };
  const text = lines({ served: old });
  expect(text[0]).toBe("served      0a from R11, an older one in the bucket");
  expect(text.slice(-3)).toEqual([
    "! visitors do not trust what is served: CERT_UNTRUSTED",
    "! the certificate that is served expires on 2026-11-30T00:00:00.000Z and has not been renewed yet",
    "! the newest certificate, 0b, is not the one that is served",
  ]);
});
