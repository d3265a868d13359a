import { expect, test } from "vitest";
import { Limits } from "./limits.ts";

const HOUR = 3600_000;
const T = Date.UTC(2026, 10, 21);

test("5 certificates per exact set; one more every 33.6 h; other sets are not concerned", () => {
  const ca = new Limits();
  for (let i = 0; i < 5; i++) {
    expect(ca.order("a", ["a.example.test", "example.test"], T)).toBeUndefined();
    ca.issued(["a.example.test", "example.test"], T);
  }
  const refused = ca.order("a", ["example.test", "a.example.test"], T);
  expect(refused).toMatchObject({ limit: "exactSet", retryAt: new Date(T + 33.6 * HOUR) });
  expect(refused?.detail).toContain("retry after 2026-11-22 09:36:00 UTC");
  expect(ca.order("a", ["example.test"], T)).toBeUndefined();
  expect(ca.order("a", ["example.test", "a.example.test"], T + 33.5 * HOUR)?.limit).toBe("exactSet");
  expect(ca.order("a", ["example.test", "a.example.test"], T + 33.6 * HOUR)).toBeUndefined();
  ca.issued(["example.test", "a.example.test"], T + 33.6 * HOUR);
  expect(ca.order("a", ["example.test", "a.example.test"], T + 33.7 * HOUR)?.limit).toBe("exactSet");
});

test("50 certificates per registered domain", () => {
  const ca = new Limits();
  for (let i = 0; i < 50; i++) ca.issued([`h${i}.example.test`], T);
  expect(ca.order("a", ["new.example.test"], T)?.limit).toBe("registeredDomain");
  expect(ca.order("a", ["new.other.test"], T)).toBeUndefined();
});

test("5 failed validations per account and name in an hour, wildcard and base together", () => {
  const ca = new Limits();
  for (const name of ["example.test", "*.example.test", "example.test", "example.test", "example.test"]) {
    expect(ca.order("a", [name], T)).toBeUndefined();
    ca.failed("a", name, T);
  }
  expect(ca.order("a", ["example.test"], T)).toMatchObject({ limit: "failures" });
  expect(ca.order("b", ["example.test"], T)).toBeUndefined();
  expect(ca.order("a", ["example.test"], T + HOUR / 5)).toBeUndefined();
});

test("300 orders per account in 3 h", () => {
  const ca = new Limits();
  for (let i = 0; i < 300; i++) expect(ca.order("a", [`h${i}.d${i}.test`], T)).toBeUndefined();
  expect(ca.order("a", ["x.y.test"], T)?.limit).toBe("ordersPerAccount");
  expect(ca.order("a", ["x.y.test"], T + 36_000)).toBeUndefined();
});
