import { expect, test } from "vitest";
import { runDown } from "../../provisioner/commands/down.ts";
import { runUp } from "../../provisioner/commands/up.ts";
import { AwsError, type Call } from "../cloud/wire/server.ts";
import { isRead } from "../cloud/writes.ts";
import { type Desk, openDesk } from "./site.ts";
import { snapshot } from "./snapshot.ts";

const up = (desk: Desk) => runUp(desk.config, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
const down = (desk: Desk) => runDown(desk.config, desk.tools, { deleteData: true });

/** From the nth write on nothing the command asks for happens any more, as after kill -9; `revive` ends that. */
function killAfter(desk: Desk, writes: number): { revive: () => void } {
  let done = 0;
  let armed = true;
  desk.cloud.wire.before((call) => {
    if (!armed || call.accessKeyId !== "AKIATEST") return;
    if (done === writes) throw new AwsError("Killed", "the command is dead", 400);
    if (!isRead(call)) done += 1;
  });
  return {
    revive: () => {
      armed = false;
    },
  };
}

/** Which of its kind the nth write is, counted from 1. */
function occurrence(
  calls: readonly Call[],
  index: number,
): { service: string; operation: string; nth: number } {
  const { service = "", operation = "" } = calls[index] ?? {};
  const before = calls.slice(0, index + 1);
  return {
    service,
    operation,
    nth: before.filter((c) => c.operation === operation && c.service === service).length,
  };
}

async function undisturbed(command: (desk: Desk) => Promise<void>, before?: (desk: Desk) => Promise<void>) {
  const desk = await openDesk();
  await before?.(desk);
  await desk.cloud.settled();
  const mark = desk.cloud.mark();
  await command(desk);
  await desk.cloud.settled();
  const writes = desk.cloud.writes(mark, "AKIATEST");
  const end = await snapshot(desk.config, desk.zoneId);
  await desk.close();
  return { writes, end };
}

async function killedAndRepeated(
  command: (desk: Desk) => Promise<void>,
  writes: readonly Call[],
  at: number,
  replyLost: boolean,
  before?: (desk: Desk) => Promise<void>,
): Promise<unknown> {
  const desk = await openDesk();
  try {
    await before?.(desk);
    await desk.cloud.settled();
    const { service, operation, nth } = occurrence(writes, at);
    if (replyLost) desk.cloud.wire.disturb(service, operation, { loseReply: true }, nth);
    const { revive } = killAfter(desk, at + 1);
    // The last write may end the command before it notices.
    await command(desk).catch((error: unknown) =>
      expect(String(error)).toMatch(/dead|did not answer|still there/),
    );
    revive();
    await desk.cloud.settled();
    await command(desk);
    await desk.cloud.settled();
    expect(desk.cloud.faults()).toEqual([]);
    return await snapshot(desk.config, desk.zoneId);
  } finally {
    await desk.close();
  }
}

for (const replyLost of [false, true]) {
  const how = replyLost ? "the reply lost" : "the reply heard";
  test(`up killed after each of its writes, ${how}, and run again: the same site`, {
    timeout: 120_000,
  }, async () => {
    const { writes, end } = await undisturbed(up);
    expect(writes.length).toBeGreaterThan(25);
    const began = Date.now();
    for (let at = 0; at < writes.length; at++) {
      const again = await killedAndRepeated(up, writes, at, replyLost);
      expect(again, `killed after ${writes[at]?.operation} (${at})`).toEqual(end);
    }
    console.log(writes.length, Date.now() - began);
  });

  test(`down killed after each of its writes, ${how}, and run again: nothing left`, {
    timeout: 120_000,
  }, async () => {
    const { writes, end } = await undisturbed(down, up);
    expect(writes.length).toBeGreaterThan(12);
    for (let at = 0; at < writes.length; at++) {
      const again = await killedAndRepeated(down, writes, at, replyLost, up);
      expect(again, `killed after ${writes[at]?.operation} (${at})`).toEqual(end);
    }
  });
}
