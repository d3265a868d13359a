import { describe, expect, test } from "vitest";
import {
  resultOf,
  runGraph,
  type Step,
  StepFailed,
  type StepObserver,
  type StepStart,
  step,
} from "../../../agent/record/graph.ts";
import { EverspotError } from "../../../agent/site/errors.ts";

function gate() {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), passed };
}

class Notes implements StepObserver {
  readonly said: string[] = [];
  started = ({ name, needs, ownCode }: StepStart) =>
    this.said.push(`start ${name}(${needs.join()})${ownCode ? " of its own code" : ""}`);
  detail = (name: string, text: string) => this.said.push(`${name}: ${text}`);
  warned = (name: string, text: string) => this.said.push(`${name}! ${text}`);
  done = (name: string) => this.said.push(`done ${name}`);
  failed = (name: string, error: unknown) => this.said.push(`failed ${name}: ${(error as Error).message}`);
  stopped = (name: string) => this.said.push(`stopped ${name}`);
}
const forever = new AbortController().signal;

test("steps get the values of what they need, and report", async () => {
  const two = step("two", {}, async () => 2);
  const three = step("three", {}, async () => "3");
  const sum = step("sum", { two, three }, async (got, context) => {
    context.detail("adding");
    context.warn("careful");
    return got.two + Number(got.three);
  });
  const notes = new Notes();
  const values = await runGraph([two, three, sum], notes, forever);
  expect(resultOf(values, sum)).toBe(5);
  expect(notes.said).toEqual([
    "start two()",
    "start three()",
    "done two",
    "done three",
    "start sum(two,three)",
    "sum: adding",
    "sum! careful",
    "done sum",
  ]);
});

test("everything that can overlap does; nothing starts before its needs", async () => {
  const slow = gate();
  const order: string[] = [];
  const a = step("a", {}, async () => {
    await slow.passed;
    order.push("a");
  });
  const b = step("b", {}, async () => void order.push("b"));
  const afterB = step("afterB", { b }, async () => {
    order.push("afterB");
    slow.open();
  });
  const afterBoth = step("afterBoth", { a, afterB }, async () => void order.push("afterBoth"));
  await runGraph([a, b, afterB, afterBoth], new Notes(), forever);
  expect(order).toEqual(["b", "afterB", "a", "afterBoth"]);
});

describe("a failure", () => {
  const boom = new EverspotError("no disk", {
    hint: "buy one",
    lines: ["x"],
    resource: "sda",
    retry: "retry",
  });

  test("aborts what runs, starts nothing more, and names the step that failed first", async () => {
    const bad = step("bad", {}, async () => {
      throw boom;
    });
    let aborted = false;
    const long = step("long", {}, async (_, { signal }) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      aborted = true;
      throw new Error("because of the abort");
    });
    const never = step("never", { bad }, async () => {
      throw new Error("must not run");
    });
    const notes = new Notes();
    const error = await runGraph([bad, long, never], notes, forever).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StepFailed);
    expect(error).toMatchObject({
      step: "bad",
      message: "no disk",
      hint: "buy one",
      resource: "sda",
      lines: ["x"],
      retry: "retry",
      cause: boom,
    });
    expect(aborted).toBe(true);
    expect(notes.said).toContain("stopped long");
    expect(notes.said.join()).not.toContain("never");
  });

  test("is not reported before the other steps have ended", async () => {
    let ended = false;
    const bad = step("bad", {}, async () => {
      throw boom;
    });
    const stubborn = step("stubborn", {}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      ended = true;
    });
    await expect(runGraph([bad, stubborn], new Notes(), forever)).rejects.toThrow("no disk");
    expect(ended).toBe(true);
  });
});

test("an abort from outside is not a failed step", async () => {
  const stop = new AbortController();
  const waits = step("waits", {}, async (_, { signal }) => {
    stop.abort(new Error("told to stop"));
    signal.throwIfAborted();
  });
  const error = await runGraph([waits], new Notes(), stop.signal).catch((e: unknown) => e);
  expect(error).not.toBeInstanceOf(StepFailed);
  expect(error).toMatchObject({ message: "told to stop" });
});

test("the list must stand in an order in which needs come first, with names used once", async () => {
  const a = step("a", {}, async () => 1);
  const b = step("b", { a }, async () => 1);
  const list: Step<unknown>[] = [b, a];
  await expect(runGraph(list, new Notes(), forever)).rejects.toThrow("step b needs a, which is not above it");
  await expect(runGraph([a, step("a", {}, async () => 2)], new Notes(), forever)).rejects.toThrow(
    "two steps are named a",
  );
});
