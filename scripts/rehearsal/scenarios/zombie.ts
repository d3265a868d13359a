import { parseFence } from "../../../agent/site/fence.ts";
import { fenceRecord, keys } from "../../../agent/site/names.ts";
import type { Call } from "../../../test/cloud/wire/server.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { target, terminate } from "../hand-over.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";

/** The writing calls of a take-over, in their order. */
const STEPS = ["claim", "records", "serving"] as const;
type Step = (typeof STEPS)[number];
type Moment = "before" | "after";

const BOOT_SECONDS = 180;
/** What a machine that wakes up has to do, it does within this. */
const AWAKE_SECONDS = 15;

export const zombie: Scenario = {
  name: "zombie",
  about:
    "a machine freezes before and after every step of taking over, another takes over, the first wakes up",
  overrides: { dns: { drain: 300 } },
  async run(rehearsal, result) {
    const trap = new Trap(rehearsal);
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    for (const step of STEPS) {
      for (const moment of ["before", "after"] as const) await freezeAt(rehearsal, trap, moment, step);
    }
    const orders = await rehearsal.orders();
    result.certificate = { orders };
    rehearsal.check(orders === 1, `no other certificate was ordered, ${orders} orders`);
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

async function freezeAt(rehearsal: Rehearsal, trap: Trap, moment: Moment, step: Step): Promise<void> {
  const previous = await rehearsal.owner();
  const frozen = trap.set(moment, step, previous);
  await target(rehearsal, 2);
  const old = await within(frozen, BOOT_SECONDS, `no machine came to the step ${step}`);
  rehearsal.moment(`${old} is frozen ${moment} the step "${step}"`);
  await terminate(rehearsal, previous);
  const fresh = await rehearsal.bootOfOwner(await ownerOr(rehearsal, old), BOOT_SECONDS);
  const before = await stores(rehearsal);
  rehearsal.moment(`${old} wakes up`);
  await rehearsal.cloud.thaw(old);
  trap.release();
  await rehearsal.pause(AWAKE_SECONDS);
  const after = await stores(rehearsal);
  const what = `frozen ${moment} "${step}"`;
  rehearsal.check(
    after.address === fresh.address,
    `${what}: the A record is the newer owner's (${after.address})`,
  );
  rehearsal.check(after.fence === fresh.instance, `${what}: the fence is the newer owner's (${after.fence})`);
  rehearsal.check(after.owner === fresh.instance, `${what}: site.json is the newer owner's (${after.owner})`);
  rehearsal.check(after.certificates === before.certificates, `${what}: the certificate store is as it was`);
  const woken = await rehearsal.boot(old);
  rehearsal.check(
    woken?.state === "standby" || woken?.state === "forwarding",
    `${what}: the one that woke up steps back (${woken?.state})`,
  );
  await target(rehearsal, 1);
  await terminate(rehearsal, old);
}

/** Freezes the first machine but one that comes to a step, and holds that very call of it until it is released. */
class Trap {
  #armed: { moment: Moment; step: Step; not: string; caught: (instance: string) => void } | undefined;
  #held: Promise<void> = Promise.resolve();
  #release: () => void = () => {};

  constructor(rehearsal: Rehearsal) {
    rehearsal.cloud.wire.before((call) => this.#look(call, rehearsal));
  }

  /** Resolves with the machine that was caught. */
  set(moment: Moment, step: Step, not: string): Promise<string> {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
    return new Promise((caught) => {
      this.#armed = { moment, step, not, caught };
    });
  }

  release(): void {
    this.#release();
  }

  async #look(call: Call, rehearsal: Rehearsal): Promise<void> {
    const armed = this.#armed;
    const made = armed && stepOf(call);
    if (made === undefined || made.step !== armed?.step || made.instance === armed.not) return;
    this.#armed = undefined;
    await rehearsal.cloud.freeze(made.instance);
    armed.caught(made.instance);
    // After the step: it is done, and the reply waits for a machine that does not read it.
    if (armed.moment === "before") await this.#held;
  }
}

/** The step of a take-over that a call is, and of which machine. */
function stepOf({ service, operation, input }: Call): { step: Step; instance: string } | undefined {
  if (service === "s3" && operation === "PutObject" && input.Key === keys.site) {
    const state = JSON.parse(Buffer.from(input.Body as Uint8Array).toString()) as Record<string, string>;
    const step = state.state === "claiming" ? "claim" : "serving";
    return { step, instance: state.owner ?? "" };
  }
  if (operation !== "ChangeResourceRecordSets") return undefined;
  const owner = /CREATE.*everspot epoch=\d+ owner=(i-[0-9a-f]+)/.exec(JSON.stringify(input.ChangeBatch))?.[1];
  return owner === undefined ? undefined : { step: "records", instance: owner };
}

interface Stores {
  address: string | undefined;
  fence: string | undefined;
  owner: string | undefined;
  certificates: string;
}

async function stores(rehearsal: Rehearsal): Promise<Stores> {
  const { route53 } = rehearsal.cloud;
  const { domain } = rehearsal.site;
  const [zone] = route53.zones.all.values();
  const value = (name: string, type: string) =>
    zone === undefined ? undefined : route53.find(zone.id, `${name}.`, type)?.values[0];
  const listed = await rehearsal.store.list(keys.certificatesPrefix);
  const pointers = await Promise.all(
    listed.filter(({ key }) => key.endsWith("current.json")).map(({ key }) => rehearsal.store.get(key)),
  );
  return {
    address: value(domain, "A"),
    fence: parseFence((value(fenceRecord(domain), "TXT") ?? "").replaceAll('"', ""))?.owner,
    owner: (await rehearsal.state())?.owner,
    certificates: JSON.stringify([
      listed.map(({ key }) => key),
      pointers.map((p) => p && new TextDecoder().decode(p.body)),
    ]),
  };
}

const ownerOr = async (rehearsal: Rehearsal, old: string): Promise<string> => {
  const owner = await rehearsal.owner();
  return owner === old ? old : owner;
};

async function within<T>(promise: Promise<T>, seconds: number, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
