import { expect, test } from "vitest";
import { creditsOf } from "../ec2/credit-modes.ts";
import { CreditAccount } from "./credits.ts";

const of = (type: string, mode: "standard" | "unlimited") =>
  new CreditAccount(creditsOf(type, mode) ?? expect.fail(`${type} has credits`));

test("standard, a t3.micro begins with nothing: it is held to a tenth of each of its two processors", () => {
  const account = of("t3.micro", "standard");
  expect(account.limit).toBeCloseTo(0.2);
  account.pass(10, 2);
  expect(account.limit).toBeCloseTo(0.2);
  // What it does not use it may use at once, later.
  account.pass(10, 0.5);
  expect([account.balance.toFixed(2), account.limit]).toEqual(["1.50", undefined]);
  account.pass(1, 2);
  expect([account.balance, account.limit]).toEqual([0, 0.2]);
  // Not before there is something worth having, or it would stutter.
  account.pass(1, 0);
  expect(account.limit).toBeCloseTo(0.2);
});

test("unlimited it borrows, and is never held; what it owes at the switch to standard is charged", () => {
  const account = of("t3.micro", "unlimited");
  account.pass(5, 10);
  expect([account.balance, account.limit]).toEqual([-9, undefined]);
  account.set("standard");
  expect([account.charged, account.balance, account.limit]).toEqual([9, 0, 0.2]);
  const patient = of("t3.micro", "unlimited");
  patient.pass(5, 10);
  patient.pass(60, 1);
  patient.set("standard");
  expect([patient.charged, patient.balance, patient.limit]).toEqual([0, 2, undefined]);
});

test("a T2 has credits to boot with, others have none; what is earned is kept for a day", () => {
  const old = of("t2.micro", "standard");
  expect([old.balance, old.limit]).toEqual([1800, undefined]);
  const idle = of("t3.nano", "unlimited");
  idle.pass(10 * 86_400, 0);
  expect(idle.balance).toBe(144 * 60);
  expect(creditsOf("m7g.medium", "standard")).toBeUndefined();
});
