/** A site with state on its instance: what comes before what at a boot, and what may start the site's code. */
import type { Mutation } from "../mutation.ts";

const boot = ["test/agent/boot/site-state.test.ts"];
const keeper = ["test/agent/keeping/keeper.test.ts"];
const links = ["test/agent/serving/kept-links.test.ts"];

export const keeping: readonly Mutation[] = [
  {
    name: "the app is prepared on the site's data, not before it is there",
    file: "agent/boot/steps.ts",
    find: "{ gunicorn, isolation, secrets, ...held },\n    async (got) =>",
    replace: "{ gunicorn, isolation, secrets },\n    async (got) =>",
    tests: boot,
  },
  {
    name: "the records wait for the entry that opens the log",
    file: "agent/boot/steps.ts",
    find: "...gate, ...opened },",
    replace: "...gate, ...held },",
    tests: boot,
  },
  {
    name: "where another has the site the boot ends before the app",
    file: "agent/boot/site-state.ts",
    find: "      enough();\n",
    replace: "",
    tests: boot,
  },
  {
    name: "an epoch that was sealed is not gone on with",
    file: "agent/boot/site-state.ts",
    find: "kept.sealed ? kept.epoch : 0;",
    replace: "kept.sealed ? 0 : 0;",
    tests: boot,
  },
  {
    name: "who was sealed looks whether another was open since",
    file: "agent/boot/site-state.ts",
    find: "(await state.goBack(epoch, signal)).rewound",
    replace: "(await state.goBack(epoch, signal))",
    tests: boot,
  },
  {
    name: "what was left under another epoch is not gone on with",
    file: "agent/boot/site-state.ts",
    find: "own?.epoch === epoch && !own.sealed",
    replace: "own !== undefined && !own.sealed",
    tests: boot,
  },
  {
    name: "who is fenced before it is open publishes nothing",
    file: "agent/boot/site-state.ts",
    find: 'return { owner: false, by: "a later owner" };',
    replace: "return held;",
    tests: boot,
  },
  {
    name: "a release is not to blame for data that was taken from it",
    file: "agent/machine/app-steps.ts",
    find: "    const ships = !(await state.sealed())",
    replace: "    const ships = true || !(await state.sealed())",
    tests: boot,
  },
  {
    name: "the watchdog leaves an app alone whose answers are held",
    file: "agent/watchdog/watchdog.ts",
    find: " || (await app.held())",
    replace: "",
    tests: ["test/agent/watchdog/watchdog.test.ts"],
  },
  {
    name: "the app has ended before the log is sealed",
    file: "agent/keeping/keeper.ts",
    find: '    await this.#forbid();\n    return this.#order("/seal");',
    replace: '    return this.#order("/seal");',
    tests: keeper,
  },
  {
    name: "nothing has the databases open while they are brought",
    file: "agent/keeping/keeper.ts",
    find: '    await this.stop();\n    const done = await this.#task("take-over"',
    replace: '    const done = await this.#task("take-over"',
    tests: keeper,
  },
  {
    name: "what was prepared for other databases is prepared again",
    file: "agent/keeping/keeper.ts",
    find: "    await this.#prepareAgain();\n    return done;",
    replace: "    return done;",
    tests: keeper,
  },
  {
    name: "an app that does not end is killed",
    file: "agent/keeping/end-apps.ts",
    find: "Promise.all(names.map((unit) => units.kill(unit)))",
    replace: "undefined",
    tests: keeper,
  },
  {
    name: "the units of the site's code wait for a sign",
    file: "agent/keeping/unit-files.ts",
    find: "{places.mayRun}",
    replace: "{places.python}",
    tests: keeper,
  },
  {
    name: "a rehearsal never links to the site's own databases",
    file: "agent/keeping/unit-files.ts",
    find: "then exit 0; fi",
    replace: "then :; fi",
    tests: keeper,
  },
  {
    name: "credentials are handed down again and again",
    file: "agent/keeping/hand-down.ts",
    find: "while (!signal.aborted) {",
    replace: "for (const _ of [1]) {",
    tests: keeper,
  },
  {
    name: "what a release has at the place of what is kept is of no use",
    file: "agent/serving/kept-links.ts",
    find: "await rm(link, { recursive: true })",
    replace: "continue",
    tests: links,
  },
  {
    name: "the app runs behind the gate",
    file: "agent/serving/app-environment.ts",
    find: 'EVERSPOT_WSGI: "everspot_state:application",',
    replace: "EVERSPOT_WSGI: wsgi,",
    tests: links,
  },
  {
    name: "a shipper that hangs is started anew",
    file: "agent/duty/keeping.ts",
    find: "        await state.revive();",
    replace: "",
    tests: ["test/agent/duty/keeping.test.ts"],
  },
  {
    name: "what is kept outside of releases is left out of them",
    file: "provisioner/release/project.ts",
    find: "if (this.#kept.has(name)) continue;",
    replace: "",
    tests: ["test/provisioner/release/project.test.ts"],
  },
];
