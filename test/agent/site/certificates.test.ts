import { expect, test } from "vitest";
import {
  addIssuance,
  type CertificatePointer,
  certificatePointer,
  ISSUANCES_KEPT,
  type Issuance,
  noteMirror,
  withoutRequest,
  withRequest,
} from "../../../agent/site/certificates.ts";

const NAMES = ["example.org"];
const time = (day: number) => new Date(Date.UTC(2026, 0, day)).toISOString();
const line = (day: number): Issuance => ({
  ...{ id: `c${day}`, serial: "0a", issuer: "CA", names: NAMES, directory: "https://ca/", by: "i-1" },
  ...{ notBefore: time(day), notAfter: time(day + 90), created: time(day), renewAt: time(day + 60) },
  sha256: "a".repeat(64),
});
const asked = { by: "ann@laptop", at: time(9) };
const pointer = (fields: Partial<CertificatePointer> = {}): CertificatePointer => ({
  ...{ version: 1, nonce: "n", names: NAMES, issuances: [line(5)] },
  ...fields,
});
const ids = (fields: Omit<CertificatePointer, "nonce"> | undefined) =>
  fields && certificatePointer.parse({ ...fields, nonce: "m" }).issuances.map((i) => i.id);

test("the newest certificate stands first, whenever it was noted", () => {
  expect(ids(addIssuance(undefined, NAMES, line(5)))).toEqual(["c5"]);
  expect(ids(addIssuance(pointer(), NAMES, line(7)))).toEqual(["c7", "c5"]);
  expect(ids(addIssuance(pointer(), NAMES, line(3)))).toEqual(["c5", "c3"]);
  expect(addIssuance(pointer(), NAMES, line(5))).toBeUndefined();
});

test("the newest ten are remembered", () => {
  let now = pointer();
  for (let day = 6; day < 30; day++) {
    now = certificatePointer.parse({ ...addIssuance(now, NAMES, line(day)), nonce: "n" });
  }
  expect(now.issuances).toHaveLength(ISSUANCES_KEPT);
  expect(now.issuances[0]?.id).toBe("c29");
});

test("a wish is kept until there is a new certificate, or it came to nothing", () => {
  const wished = { ...pointer(), ...withRequest(pointer(), asked) };
  expect(wished.requested).toEqual(asked);
  expect(withRequest(wished, { by: "bob", at: time(10) })).toBeUndefined();
  expect(addIssuance(wished, NAMES, line(11))).not.toHaveProperty("requested");
  expect(withoutRequest(wished, asked.at)).not.toHaveProperty("requested");
  expect(withoutRequest(wished, time(10))).toBeUndefined();
  expect(withoutRequest(undefined, asked.at)).toBeUndefined();
});

test("the copy in ACM outlives the certificate it is of", () => {
  const acm = { arn: "arn:aws:acm:1", id: "c5" };
  const mirrored = { ...pointer(), ...noteMirror(pointer(), acm) };
  expect(addIssuance(mirrored, NAMES, line(7))?.acm).toEqual(acm);
  expect(noteMirror(undefined, acm)).toBeUndefined();
});
