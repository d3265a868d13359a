import { expect, test } from "vitest";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { AwsError, type Call } from "../../cloud/wire/server.ts";
import { isRead } from "../../cloud/writes.ts";
import { type Desk, openDesk } from "../site.ts";
import { snapshot } from "../snapshot.ts";

type Command = (desk: Desk) => Promise<void>;
const up: Command = (desk) =>
  runUp(desk.config, desk.tools, { refreshImage: false, wait: false, timeout: 1 });
const down: Command = (desk) => runDown(desk.config, desk.tools, { deleteData: true });

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

const name = (call: Call | undefined) => `${call?.service}.${call?.operation}`;

/** What a command does in peace: its writes, and how it leaves the account. */
async function undisturbed(command: Command, before?: Command): Promise<{ writes: Call[]; end: unknown }> {
  const desk = await openDesk({ cloud: { zones: ["us-east-1a"] } });
  try {
    await before?.(desk);
    await desk.cloud.settled();
    const mark = desk.cloud.mark();
    await command(desk);
    await desk.cloud.settled();
    return {
      writes: desk.cloud.writes(mark, "AKIATEST"),
      end: await snapshot(desk.config, desk.zoneId),
    };
  } finally {
    await desk.close();
  }
}

/**
 * The command dies at its write number `at` (from 0): AWS does it, nobody hears the answer. To AWS that is the same
 * as dying right after the answer, and before the next write.
 */
async function killedAndRepeated(command: Command, writes: Call[], at: number, before?: Command) {
  const desk = await openDesk({ cloud: { zones: ["us-east-1a"] } });
  try {
    await before?.(desk);
    await desk.cloud.settled();
    const call = writes[at];
    const nth = writes.slice(0, at + 1).filter((w) => name(w) === name(call)).length;
    desk.cloud.wire.disturb(call?.service ?? "", call?.operation ?? "", { loseReply: true }, nth);
    const { revive } = killAfter(desk, at + 1);
    await expect(command(desk)).rejects.toThrow(/the command is dead/);
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

test("up killed at each of its writes and run again makes the same site", { timeout: 120_000 }, async () => {
  const { writes, end } = await undisturbed(up);
  expect(writes.length).toBeGreaterThan(25);
  for (let at = 0; at < writes.length; at++) {
    const again = await killedAndRepeated(up, writes, at);
    expect(again, `killed at ${name(writes[at])}, write ${at}`).toEqual(end);
  }
});

test("down killed at each of its writes and run again leaves nothing", { timeout: 120_000 }, async () => {
  const { writes, end } = await undisturbed(down, up);
  expect(writes.length).toBeGreaterThan(14);
  for (let at = 0; at < writes.length; at++) {
    const again = await killedAndRepeated(down, writes, at, up);
    expect(again, `killed at ${name(writes[at])}, write ${at}`).toEqual(end);
  }
});

test("every write's first answer lost: one run of up, nothing made twice", { timeout: 60_000 }, async () => {
  const { writes, end } = await undisturbed(up);
  const desk = await openDesk({ cloud: { zones: ["us-east-1a"] } });
  try {
    const seen = new Map<string, number>();
    for (const call of writes) {
      const before = seen.get(name(call)) ?? 0;
      seen.set(name(call), before + 1);
      // Each lost call is followed by one that gets through.
      desk.cloud.wire.disturb(call.service, call.operation, { loseReply: true }, before * 2 + 1);
    }
    await up(desk);
    await desk.cloud.settled();
    expect(await snapshot(desk.config, desk.zoneId)).toEqual(end);
    expect(desk.said()).toContain("did not answer CreateVpc");
  } finally {
    await desk.close();
  }
});
