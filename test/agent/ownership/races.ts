/** Instances that take a site over at once, by the agent's own code, and what must hold at every moment. */
import type { Claim, Claimant } from "../../../agent/ownership/claim.ts";
import { publishRecords } from "../../../agent/ownership/records.ts";
import { type SiteState, siteDocument, siteState } from "../../../agent/site/documents/site-state.ts";
import { formatFence, parseFence } from "../../../agent/site/fence.ts";
import { fenceRecord } from "../../../agent/site/names.ts";
import { keyOf as recordKey } from "../../cloud/route53/record-sets.ts";
import { actor, claiming, peersOf } from "./actors.ts";
import type { Model } from "./interleave.ts";
import { BUCKET, keyOf, outcomes, type ServiceCall, Services, type State } from "./services.ts";

const DOMAIN = "site.example";
const services = new Services(DOMAIN);
const claimant = (instance: string, address: string, launched: number): Claimant => ({
  instance,
  address,
  privateAddress: address,
  launched: new Date(launched),
  release: "r1",
});
const former = claimant("i-00000000", "127.0.1.9", 0);
const older = claimant("i-00000001", "127.0.1.1", 1_000);
const newer = claimant("i-00000002", "127.0.1.2", 2_000);
const EPOCH = 3;

/** Owned by `former`. */
export function owned(): State {
  const site: SiteState = {
    version: 1,
    nonce: "0",
    epoch: EPOCH,
    owner: former.instance,
    address: former.address,
    privateAddress: former.privateAddress,
    launched: former.launched.toISOString(),
    since: former.launched.toISOString(),
    state: "serving",
  };
  const calls: ServiceCall[] = [
    {
      service: "s3",
      operation: "PutObject",
      input: { Bucket: BUCKET, Key: siteDocument.key, Body: Buffer.from(JSON.stringify(site)) },
    },
    change([
      ["CREATE", fenceRecord(DOMAIN), "TXT", `"${formatFence({ epoch: EPOCH, owner: former.instance })}"`],
      ["CREATE", DOMAIN, "A", former.address],
    ]),
  ];
  return calls.reduce((state, call) => {
    const done = services.perform(state, call);
    must("value" in done.reply, "it begins so");
    return done.state;
  }, services.initial);
}

const change = (changes: [string, string, string, string][]): ServiceCall => ({
  service: "route53",
  operation: "ChangeResourceRecordSets",
  input: {
    HostedZoneId: services.zoneId,
    ChangeBatch: {
      Changes: changes.map(([Action, Name, Type, Value]) => ({
        Action,
        ResourceRecordSet: { Name, Type, TTL: 60, ResourceRecords: [{ Value }] },
      })),
    },
  },
});

function look(state: State) {
  const values = (name: string, type: string) => state.records.get(recordKey(`${name}.`, type))?.values;
  const site = state.objects.get(siteDocument.key);
  return {
    fence: parseFence((values(fenceRecord(DOMAIN), "TXT")?.[0] ?? "").replaceAll('"', "")),
    addresses: values(DOMAIN, "A"),
    site: site && siteState.parse(JSON.parse(Buffer.from(site.body).toString())),
  };
}

/** Not `expect`: these run some hundred thousand times. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** Whoever races, this holds at every moment: the records are the work of one owner, and never of an earlier one. */
function oneOwner(before: State, after: State): void {
  const [old, now] = [look(before), look(after)];
  const epoch = now.fence?.epoch ?? 0;
  must(epoch >= (old.fence?.epoch ?? 0), "the fence never goes back");
  must(epoch !== old.fence?.epoch || now.fence?.owner === old.fence.owner, "an epoch has one owner");
  must((now.site?.epoch ?? 0) >= (old.site?.epoch ?? 0), "site.json never goes back");
  const owner = [former, older, newer].find((c) => c.instance === now.fence?.owner);
  must(now.addresses?.join() === owner?.address, "the address is the fence owner's");
}

/** And when all is done, the newest launch has the site and knows it. */
function newestHasIt(state: State, results: ReadonlyMap<string, unknown>): void {
  const { fence, addresses, site } = look(state);
  must(fence?.owner === newer.instance, "the newest launch has the records");
  must(addresses?.join() === newer.address, "visitors find the newest launch");
  must(site?.owner === newer.instance && site.epoch === fence?.epoch, "site.json and the fence agree");
  must(site?.state === "serving", "site.json says that it serves");
  const [theirs, mine] = ["older", "newer"].map((name) => results.get(name) as Claim | undefined);
  must(mine?.owner === true && mine.epoch === fence?.epoch, "the newest launch knows its epoch");
  must(theirs?.owner !== true || theirs.epoch < (fence?.epoch ?? 0), "no two were told the same epoch");
}

/** Changes a call on its way: what the services would get if the agent had left something out. */
export type Weaken = (call: ServiceCall) => ServiceCall;

export function race(initial: State, weaken: Weaken = (call) => call): Model<State, ServiceCall> {
  const peers = peersOf([older.instance, newer.instance]);
  return {
    actors: {
      older: actor("older", services.zoneId, claiming(older, DOMAIN, peers)),
      newer: actor("newer", services.zoneId, claiming(newer, DOMAIN, peers)),
    },
    initial,
    outcomes: (state, call) => outcomes(services, state, weaken(call)),
    label: ({ operation, input }) => {
      const on = input.Key ?? input.StartRecordType;
      return on === undefined ? operation : `${operation} ${String(on)}`;
    },
    key: keyOf,
    step: oneOwner,
    end: newestHasIt,
  };
}

/** The owner that is still there lowers its records' TTL meanwhile, as before every hand-over. */
export function raceWithOwner(weaken?: Weaken): Model<State, ServiceCall> {
  const model = race(owned(), weaken);
  const lower = actor("former", services.zoneId, ({ zone }) =>
    publishRecords(zone, {
      domain: DOMAIN,
      aliases: [],
      fence: { epoch: EPOCH, owner: former.instance },
      address: former.address,
      ttl: 5,
    }),
  );
  const { newer: next } = model.actors;
  return { ...model, actors: { former: lower, ...(next && { newer: next }) } };
}

/** Where a race begins. */
export const beginnings: [name: string, state: State][] = [
  ["a new site", services.initial],
  ["a site whose owner is gone", owned()],
];
