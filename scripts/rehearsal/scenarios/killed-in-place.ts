import { keys } from "../../../agent/site/names.ts";
import { AwsError, type Call } from "../../../test/cloud/wire/server.ts";
import { checkDown, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, deploy, untilQuiet } from "../deploys.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";

type Moment = "before" | "after";

/** More than a swap in place writes. */
const MOST = 15;

export const killedInPlace: Scenario = {
  name: "killed-in-place",
  about:
    "the agent is killed before and after each of its writes of a swap in place: the site is served all the while",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const owner = await rehearsal.owner();
    const crowd = await startCrowd(rehearsal, 1);
    const began = Date.now();
    const trap = new Trap(rehearsal, owner);
    /** Known once a deploy came to its end before it wrote so often. */
    let writes = 0;
    for (let n = 1; n <= MOST && writes === 0; n++) {
      for (const moment of ["before", "after"] as const) {
        await change(rehearsal, `killed ${moment} ${n}`);
        trap.set(n, moment);
        const killed = await deploy(rehearsal, ["--in-place"]);
        const what = trap.sprung;
        trap.clear();
        if (what === undefined) {
          rehearsal.check(killed.exitCode === 0, "a deploy that is not killed succeeds");
          writes = n - 1;
          break;
        }
        rehearsal.moment(`killed ${what}; the deploy exited with ${killed.exitCode}`);
        const after = await deploy(rehearsal, killed.exitCode === 0 ? ["--abort"] : ["--in-place"]);
        rehearsal.check(after.exitCode === 0, `killed ${what}: one further command succeeds`);
        await untilQuiet(rehearsal);
        await checkInOrder(rehearsal, `killed ${what}`);
        const outcome = killed.exitCode === 0 ? "ended well by itself" : "in order after one command";
        const { exitCode, seconds } = killed;
        result.deploys = [...(result.deploys ?? []), { name: `killed ${what}`, exitCode, seconds, outcome }];
      }
    }
    rehearsal.check(writes > 3, `a swap in place writes several times, ${writes} seen`);
    rehearsal.check((await rehearsal.owner()) === owner, "the same instance has the site all the while");
    await rehearsal.pause(3);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);
    result.figures = { "writes of a swap in place": writes };
    await checkDown(rehearsal, result);
  },
};

/** Ends the agent by SIGKILL at its nth write of what decides, once. */
class Trap {
  readonly #rehearsal: Rehearsal;
  readonly #owner: string;
  #left: number | undefined;
  #moment: Moment = "before";
  /** Where it was. */
  sprung: string | undefined;

  constructor(rehearsal: Rehearsal, owner: string) {
    this.#rehearsal = rehearsal;
    this.#owner = owner;
    rehearsal.cloud.wire.before((call) => this.#look(call));
  }

  set(nth: number, moment: Moment): void {
    this.#left = nth;
    this.#moment = moment;
    this.sprung = undefined;
  }

  clear(): void {
    this.#left = undefined;
    this.sprung = undefined;
  }

  async #look(call: Call): Promise<void> {
    const { machines, env } = this.#rehearsal.cloud;
    if (this.#left === undefined || call.accessKeyId === env.AWS_ACCESS_KEY_ID) return;
    const what = decides(call);
    if (what === undefined) return;
    this.#left -= 1;
    if (this.#left > 0) return;
    this.#left = undefined;
    this.sprung = `${this.#moment} ${what}`;
    await machines.exec(this.#owner, "systemctl", ["kill", "--signal=KILL", "everspot"]);
    if (this.#moment === "before") throw new AwsError("Killed", "the agent is dead", 400);
  }
}

/** What a write of the agent is about; the boot record decides nothing. */
function decides({ service, operation, input }: Call): string | undefined {
  if (operation === "ChangeResourceRecordSets") return "the records";
  const key = String(input.Key ?? "");
  const documents: string[] = [keys.channel, keys.site, keys.replacements];
  return service === "s3" && operation === "PutObject" && documents.includes(key) ? key : undefined;
}
