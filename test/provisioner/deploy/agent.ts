/** The agent on a machine without a disk: its own boot, record, channel, claim, watchers and swap; the app alone is made up. */
import { EC2Client } from "@aws-sdk/client-ec2";
import { Route53Client } from "@aws-sdk/client-route-53";
import { SSMClient } from "@aws-sdk/client-ssm";
import { pino } from "pino";
import { createPeers } from "../../../agent/aws/ec2.ts";
import { createZone } from "../../../agent/aws/route53.ts";
import { createSecrets } from "../../../agent/aws/ssm.ts";
import { type BootSteps, boot } from "../../../agent/boot/boot.ts";
import { swapBy } from "../../../agent/handover/in-place.ts";
import type { Identity } from "../../../agent/identity/identity.ts";
import { Jobs } from "../../../agent/jobs/jobs.ts";
import { Runs } from "../../../agent/jobs/runs.ts";
import { claimSite } from "../../../agent/ownership/claim.ts";
import { resultOf, type Step, type StepContext, step } from "../../../agent/record/graph.ts";
import { BootRecorder } from "../../../agent/record/recorder.ts";
import { Candidates } from "../../../agent/release/candidates.ts";
import type { Clock } from "../../../agent/site/clock.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { bucketName, runSecretPath } from "../../../agent/site/names.ts";
import { poll } from "../../../agent/site/poll.ts";
import { createS3Client } from "../../../agent/site/s3-client.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import { patientClock } from "../../../agent/system/processor.ts";
import { Rounds } from "../../../agent/system/rounds.ts";
import type { Units } from "../../../agent/system/units.ts";
import { type Belled, bellWatcher } from "../../../agent/watch/bell.ts";
import { deployWatcher } from "../../../agent/watch/deploy.ts";
import { type Watcher, watch } from "../../../agent/watch/loop.ts";
import { ownershipWatcher } from "../../../agent/watch/ownership.ts";
import { react } from "../../../agent/watch/react.ts";
import type { SiteConfig } from "../../../provisioner/config/site-config.ts";
import type { Commands } from "../../agent/jobs/command.ts";
import { debianImages } from "../../cloud/ec2.ts";

/** What becomes of a release on an instance: it serves, its code is bad, something else fails, or nothing ends. */
export type Behaviour = "serves" | "hangs" | { blame: string; lines: string[] } | { trouble: string };

export interface Life {
  site: string;
  account: string;
  domain: string;
  aliases: readonly string[];
  /** Id of the hosted zone. */
  zone: string;
  clock: Clock;
  instance: string;
  address: string;
  client: {
    region: string;
    endpoint: string;
    credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string };
  };
  behaviourOf(release: string, isCandidate: boolean): Behaviour;
  /** Whether it says what is current; a site's agent that is older or broken may not. */
  promotes(): boolean;
  /** Between two looks whether it still is the owner, and whether it is to deploy. */
  lookSeconds(): number;
  /** What runs the operator's commands; undefined: it takes none up. */
  commands: Commands | undefined;
  /** Jobs that it knows. */
  schedule: SiteConfig["schedule"];
  signal: AbortSignal;
}

/** Every instance of these sites began with it, also one from an image of another. */
const DEBIAN = debianImages.find((i) => i.os === "debian-13" && i.architecture === "amd64")?.id ?? "";
/** An instance comes up in this time. */
const BOOT_SECONDS = 3;
const log = pino({ level: "silent" });
const idle = { time: () => ({ busy: 0, stolen: 0 }), age: () => 0 };

/** Until the signal ends it. */
export async function live(life: Life): Promise<void> {
  const { site, account, domain, aliases, clock, instance, address, client, behaviourOf, signal } = life;
  const store = createS3Store(createS3Client(client), bucketName(site, account, client.region), clock);
  // As the agent's own are (agent/aws/clients.ts).
  const own = { ...client, cacheMiddleware: true };
  const zone = createZone(new Route53Client(own), life.zone);
  const peers = createPeers(new EC2Client(own), site);
  const candidates = new Candidates(store, clock);
  const identity: Identity = {
    ...{ instance, address, privateAddress: address, image: DEBIAN, base: DEBIAN },
    ...{ type: "t3.micro", zone: "us-east-1a", lifeCycle: "spot" },
  };
  const recorder = new BootRecorder({
    ...{ store, site, clock, bootId: "b", agent: "a", started: clock.now(), before: [] },
  });
  const end = () => recorder.close();
  signal.addEventListener("abort", end);

  const claim = async (launched: Date, release: string) =>
    claimSite(
      { instance, address, privateAddress: address, launched, release },
      { store, zone, peers, clock, domain, aliases, signal, ttl: 60 },
    );

  function bootSteps(): BootSteps {
    const release = step("release", {}, async () => {
      recorder.identify(identity);
      recorder.change({ base: DEBIAN });
      const { id, role } = await candidates.next(instance, (await peers.find(instance))?.template);
      recorder.change({ release: id });
      return { id, behaviour: behaviourOf(id, role === "candidate") };
    });
    const packages = step("packages", { release }, async (got, context) => {
      await clock.sleep(BOOT_SECONDS * 1000, context.signal);
      if (typeof got.release.behaviour === "object" && "trouble" in got.release.behaviour)
        throw new EverspotError(got.release.behaviour.trouble);
    });
    const app = step("app", { packages, release }, async (got) => start(got.release.behaviour), "always");
    const healthy = step(
      "healthy",
      { app, release },
      (got, context) => answer(got.release.behaviour, context),
      "always",
    );
    const launched = step("launch time", { healthy }, (_, context) =>
      poll(
        `EC2 to know ${instance}`,
        async () => {
          const peer = await peers.find(instance);
          return peer === undefined ? { waiting: "not described yet" } : { done: peer.launched };
        },
        { seconds: 60, everySeconds: 2, clock, signal: context.signal },
      ),
    );
    const ownership = step("ownership", { launched, release }, (got) => claim(got.launched, got.release.id));
    const promote = step("promote", { ownership, release }, async (got) => {
      if (!got.ownership.owner) return;
      if (life.promotes()) await candidates.promote(got.release.id);
      recorder.change({ epoch: got.ownership.epoch });
    });
    return {
      all: [release, packages, app, healthy, launched, ownership, promote],
      serving: [],
      outcome(values) {
        const got = resultOf(values, ownership);
        return {
          launched: resultOf(values, launched),
          release: resultOf(values, release).id,
          epoch: got.owner ? got.epoch : undefined,
          replaced: got.owner ? got.previous?.owner : undefined,
          ttl: 60,
          trusted: true,
        };
      },
    };
  }

  function inPlaceSteps(id: string): Step<unknown>[] {
    const app = step("app", {}, async () => start(behaviourOf(id, true)), "always");
    const healthy = step(
      "healthy",
      { app },
      (_, context) => answer(behaviourOf(id, true), context),
      "always",
    );
    return [app, healthy, step("promote", { healthy }, () => candidates.promote(id))];
  }

  const alerts = { raise: async () => false, clear: async () => false, refresh: () => {} };
  const machine = {
    candidates,
    clock,
    identity,
    notify: async () => {},
    alerts,
    peers,
    processor: idle,
    rounds: new Rounds(),
    store,
  };
  const { launched, release, epoch } = await boot(machine, bootSteps, recorder, log, signal);
  recorder.change({ settled: new Date(clock.now()).toISOString() });

  let serves = release;
  let owns = epoch !== undefined;
  const begun = new Set<string>();
  const looking: Belled[] = [ownershipWatcher(store, instance), deployWatcher(store, clock)];
  const { commands } = life;
  let runs: Runs | undefined;
  if (commands !== undefined) {
    const owned = () => (owns && epoch !== undefined ? { epoch, release: serves } : undefined);
    const secrets = createSecrets(new SSMClient(own), runSecretPath(site));
    const places = commands.places(instance);
    // What a machine that is gone was about to write is never written.
    const put: ObjectStore["put"] = (...what) =>
      signal.aborted ? new Promise(() => {}) : store.put(...what);
    const tryNotify = async () => [{ channel: "webhook" }, { channel: "mail" }];
    const { start, units } = commands;
    const context = {
      instance,
      clock,
      owned,
      places,
      start,
      units,
      store: { ...store, put },
      tell: () => {},
    };
    const jobs = new Jobs(
      { schedule: life.schedule },
      {
        ...{ ...context, state: undefined, peers, signal, startLasting: async () => {} },
        ...{ seen: () => {}, alarm: () => {}, calm: () => {}, ping: async () => {} },
      },
    );
    const mine = owned();
    if (mine !== undefined && Object.keys(life.schedule).length > 0) void jobs.during(mine, signal);
    runs = new Runs({ ...context, secrets, tryNotify, job: (name) => jobs.job(name) }, () => {});
    looking.push(runs);
  }
  const bell = bellWatcher(store, clock, looking, () => runs?.pace);
  await watch([every(bell, () => runs?.pace?.seconds ?? life.lookSeconds())], {
    ...{ clock, rounds: machine.rounds, signal },
    onEvent: (event) =>
      react(event, {
        replaced: () => {
          owns = false;
          runs?.interrupt("another instance took the site over");
          recorder.change({ state: "forwarding" });
        },
        deploy: async ({ running }) => {
          if (running?.kind !== "in-place" || running.release === undefined || !owns) return;
          if (begun.has(running.id)) return;
          begun.add(running.id);
          const wanted = { deploy: running.id, release: running.release };
          const here = {
            machine: { candidates, patience: patientClock(clock, idle), units },
            recorder,
            log,
            signal,
          };
          if (!(await swapBy(inPlaceSteps(wanted.release), wanted, serves, here))) return;
          serves = wanted.release;
          recorder.change({ release: serves });
          await claim(launched, serves);
        },
      }),
    onTrouble: () => {},
  });
}

/** The same, as often as a test has it look. */
const every = ({ name, look }: Watcher, seconds: () => number): Watcher => ({
  name,
  look,
  get everySeconds() {
    return seconds();
  },
});

/** There is nothing to stop. */
const units = { stop: async () => {} } as unknown as Units;

function start(behaviour: Behaviour): void {
  if (typeof behaviour === "object" && "blame" in behaviour)
    throw new EverspotError(behaviour.blame, { lines: behaviour.lines });
}

async function answer(behaviour: Behaviour, { signal }: StepContext): Promise<void> {
  if (behaviour !== "hangs") return;
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
