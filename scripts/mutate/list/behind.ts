/** One answer of EC2, which is eventually consistent, decides nothing. */
import type { Mutation } from "../mutation.ts";

export const behind: readonly Mutation[] = [
  {
    name: "an owner that one answer does not show is not gone",
    file: "agent/ownership/gone.ts",
    find: "return (await peers.find(instance))?.alive !== true;",
    replace: "return true;",
    tests: ["test/agent/ownership/gone.test.ts", "test/agent/ownership/claim.test.ts"],
  },
  {
    name: "EC2 is asked again after a while",
    file: "agent/ownership/gone.ts",
    find: "  await clock.sleep(ASK_AGAIN_SECONDS * 1000, signal);\n",
    replace: "",
    tests: ["test/agent/ownership/gone.test.ts"],
  },
  {
    name: "what has ended is gone at once",
    file: "agent/ownership/gone.ts",
    find: "if (isOver(first?.state)) return true;",
    replace: "",
    tests: ["test/agent/ownership/gone.test.ts"],
  },
  {
    name: "a replacement is one that EC2 goes on showing",
    file: "agent/handover/replacement.ts",
    find: "clock.now() - seen.since >= SHOWN_SECONDS * 1000",
    replace: "clock.now() >= seen.since",
    tests: ["test/agent/handover/replacement.test.ts"],
  },
  {
    name: "who does not own the site any more ends nobody",
    file: "agent/handover/tidy.ts",
    find: "if (others.length > 0 && !(await context.owns())) return done;",
    replace: "",
    tests: ["test/agent/handover/tidy.test.ts"],
  },
  {
    name: "a deploy asks again for an instance that one answer does not show",
    file: "provisioner/aws/instances.ts",
    find: "known === undefined || first.some((i) => i.id === known)",
    replace: "known !== null",
    tests: ["test/provisioner/aws/instances.test.ts"],
  },
  {
    name: "an instance that one answer does not show is followed on",
    file: "provisioner/boots/follow.ts",
    find: "!shown && clock.now() - lastShown < UNSEEN_SECONDS * 1000",
    replace: "false",
    tests: ["test/provisioner/boots/follow.test.ts"],
  },
  {
    name: "one too many that has ended launches no other",
    file: "provisioner/deploy/swap.ts",
    find: "if (!alive.some((i) => i.id !== old)) return alive;",
    replace: "if (alive.length > 0) return alive;",
    tests: ["test/provisioner/deploy/behind.test.ts"],
  },
];
