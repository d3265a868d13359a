import { expect, test } from "vitest";
import { BringAlong, type BringContext } from "../../../agent/handover/bring-along.ts";
import type { Bringing, StateTable } from "../../../agent/ports/state.ts";

const takes: StateTable = {
  ...{
    database: ["db.sqlite3"],
    mediaUrl: "/media/",
    durability: "fast",
    budget: 3,
    history: "7d",
    pause: 10,
  },
};

/** @param what the instance brings already. */
function instance({ what, fails, owns = true }: { what?: StateTable; fails?: string; owns?: boolean } = {}) {
  const said: string[] = [];
  const bringing: Bringing = {
    what,
    begin: async (_, at, say) => {
      said.push(`begin ${at.epoch} ${at.release}`);
      say("copies db.sqlite3");
      if (fails !== undefined) throw new Error(fails);
    },
  };
  const context: BringContext = {
    machine: { bringing },
    recorder: {
      change: ({ brought }) =>
        void said.push([brought?.state, brought?.detail].filter((word) => word !== undefined).join(": ")),
      event: () => {},
    },
    log: { info: () => {}, warn: () => {} },
    signal: new AbortController().signal,
    owned: () => (owns ? { epoch: 3, release: "r1" } : undefined),
    restart: () => void said.push("begins again"),
  };
  return { said, along: new BringAlong(context) };
}

test("what there is is brought, once for each deploy, and then the agent begins again", async () => {
  const { along, said } = instance();
  for (let i = 0; i < 2; i++) along.begin({ id: "d", takes });
  await along.ended();
  expect(said).toEqual(["running", "begin 3 r1", "running: copies db.sqlite3", "begins again"]);
});

test("the one that has begun again is ready; with another [state] it begins again", async () => {
  const { along, said } = instance({ what: takes });
  along.begin({ id: "d", takes: { ...takes } });
  along.begin({ id: "e", takes: { ...takes, media: "media" } });
  await along.ended();
  expect(said.slice(0, 3)).toEqual(["ready", "running", "begin 3 r1"]);
});

test("what cannot be brought is said, and everything stays as it is", async () => {
  const { along, said } = instance({ fails: "file is not a database" });
  along.begin({ id: "d", takes });
  await along.ended();
  expect(said.at(-1)).toBe("failed: file is not a database");
  expect(said).not.toContain("begins again");
});

test("a deploy that takes nothing, and an instance that does not have the site, bring nothing", async () => {
  const one = instance();
  one.along.begin({ id: "d", takes: undefined });
  const other = instance({ owns: false });
  other.along.begin({ id: "d", takes });
  await Promise.all([one.along.ended(), other.along.ended()]);
  expect([...one.said, ...other.said]).toEqual([]);
});
