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

const name = (call: Call | undefined) => `${call?.service}.${call?.operation}`;

/** A command in peace: its writes, and how it leaves the account. */
async function undisturbed(command: Command, before?: Command): Promise<{ writes: Call[]; end: unknown }> {
  const desk = await openDesk();
  try {
    await before?.(desk);
    await desk.cloud.settled();
    const mark = desk.cloud.mark();
    await command(desk);
    await desk.cloud.settled();
    const writes = desk.cloud.writes(mark, "AKIATEST");
    return { writes, end: await snapshot(desk.config, desk.zoneId) };
  } finally {
    await desk.close();
  }
}

/**
 * Runs a command that dies after its first write, as by kill -9: nothing it asks for any more happens. Runs it again,
 * which dies after the next write; and so on until one run ends by itself. So every state that a death can leave is
 * left once, and met by a run that goes on from it. An action of several writes that begins again each time is let
 * go one write further each time.
 * @returns how often it died.
 */
async function dieAtEveryWrite(desk: Desk, command: Command): Promise<number> {
  let left = Number.POSITIVE_INFINITY;
  let killed = false;
  let first: string | undefined;
  let before: string | undefined;
  let allowed = 0;
  desk.cloud.wire.before((call) => {
    if (call.accessKeyId !== "AKIATEST") return;
    if (left === 0) {
      killed = true;
      throw new AwsError("Killed", "the command is dead", 400);
    }
    if (isRead(call)) return;
    if (first === undefined) {
      first = identity(call);
      allowed = first === before ? allowed + 1 : 1;
      left = allowed;
    }
    left -= 1;
  });
  for (let deaths = 0; deaths < 100; deaths++) {
    before = first;
    first = undefined;
    killed = false;
    const error = await command(desk).then(
      () => undefined,
      (e: unknown) => e,
    );
    left = Number.POSITIVE_INFINITY;
    if (error === undefined) return deaths;
    expect(killed, String(error)).toBe(true);
    await desk.cloud.settled();
  }
  throw new Error(`it never ended; it was at ${first}`);
}

/** The same for the same step, whatever numbers and nonces it carries. */
const identity = (call: Call): string =>
  `${name(call)} ${String(call.input.Key ?? JSON.stringify(call.input)).replace(/\br\d+/, "")}`;

test("up dies at each of its writes and is run again: the same site as in peace", {
  timeout: 60_000,
}, async () => {
  const { writes, end } = await undisturbed(up);
  expect(writes.length).toBeGreaterThan(28);
  const desk = await openDesk();
  try {
    // A new bucket is private and encrypted by itself, which the next run finds; after the last write nothing is asked.
    expect(await dieAtEveryWrite(desk, up)).toBe(writes.length - 3);
    expect(await snapshot(desk.config, desk.zoneId)).toEqual(end);
    expect(desk.cloud.faults()).toEqual([]);
  } finally {
    await desk.close();
  }
});

test("down dies at each of its writes and is run again: nothing left", { timeout: 60_000 }, async () => {
  const { writes, end } = await undisturbed(down, up);
  expect(writes.length).toBeGreaterThan(15);
  const desk = await openDesk();
  try {
    await up(desk);
    await desk.cloud.settled();
    // Deleting the fleet ends its instances, which the next run then finds ended.
    expect(await dieAtEveryWrite(desk, down)).toBeGreaterThanOrEqual(writes.length - 1);
    expect(await snapshot(desk.config, desk.zoneId)).toEqual(end);
    expect(desk.cloud.faults()).toEqual([]);
  } finally {
    await desk.close();
  }
});

test("every write's first answer lost: one run of up, nothing made twice", { timeout: 60_000 }, async () => {
  const { writes, end } = await undisturbed(up);
  const desk = await openDesk();
  try {
    const seen = new Map<string, number>();
    for (const call of writes) {
      const before = seen.get(name(call)) ?? 0;
      seen.set(name(call), before + 1);
      // Each lost call is followed by one that gets through; whether a VPC may be made is asked first.
      const nth = before * 2 + (call.operation === "CreateVpc" ? 2 : 1);
      desk.cloud.wire.disturb(call.service, call.operation, { loseReply: true }, nth);
    }
    await up(desk);
    await desk.cloud.settled();
    expect(await snapshot(desk.config, desk.zoneId)).toEqual(end);
    expect(desk.said()).toContain("did not answer CreateVpc");
  } finally {
    await desk.close();
  }
});
