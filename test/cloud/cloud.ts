import { type Clock, systemClock } from "../../agent/site/clock.ts";
import {
  addServiceLinkedRoles,
  debianParameters,
  environment,
  policyOf,
  tagsOfCertificate,
} from "./account.ts";
import { Acm } from "./acm.ts";
import { Budgets } from "./budgets.ts";
import { DnsServer } from "./dns.ts";
import type { CapacityState, Market } from "./ec2/capacity.ts";
import type { FleetHabits } from "./ec2/fleet-habits.ts";
import type { MetadataService } from "./ec2/instance-view.ts";
import { type Delays, Ec2 } from "./ec2.ts";
import { Fis } from "./fis.ts";
import { Iam } from "./iam/iam.ts";
import { Jobs } from "./jobs.ts";
import { type AccountLimits, amply, serveLimits } from "./limits.ts";
import { Logs } from "./logs.ts";
import { type Machines, simulatedMachines } from "./machines.ts";
import { Route53 } from "./route53.ts";
import { S3 } from "./s3.ts";
import { Sns } from "./sns.ts";
import { Ssm } from "./ssm.ts";
import type { KeySource } from "./sts/identity-token.ts";
import { Sts } from "./sts.ts";
import { AwsError, type Call, WireServer } from "./wire/server.ts";
import { isRead } from "./writes.ts";

export type { Delays } from "./ec2.ts";
export { noDelays, realisticDelays } from "./ec2.ts";

export interface CloudOptions {
  /** Everything that waits, waits on it. */
  clock?: Clock;
  /** Where instances come from; by default nothing runs. A function gets the endpoint's environment first. */
  machines?: Machines | ((env: Record<string, string>) => Machines | Promise<Machines>);
  /** Started with each instance; none by default. */
  imds?: MetadataService;
  /** Milliseconds; everything at once by default. */
  delays?: Partial<Delays>;
  fleetHabits?: Partial<FleetHabits>;
  /** What the account's plan and quotas let AWS start; ample by default. */
  limits?: { plan?: AccountLimits["plan"]; quotas?: Record<string, number> };
  /** Regions that must be switched on first and are not: there, no credentials are known. */
  disabledRegions?: readonly string[];
  /** When Route 53 changes become INSYNC and when the name servers answer with them, in milliseconds. */
  dnsDelays?: { insyncMs?: number; dnsMs?: number };
  /** After how many milliseconds CloudWatch Logs shows what it has, and how many events on a page. */
  logs?: { visibleMs?: number; pageSize?: number };
  /** Where a DNS server answers from the zones; none by default. Port 0, or none given, is a free one. */
  dns?: { host?: string; port?: number };
  account?: string;
  region?: string;
  zones?: readonly string[];
  /** Of EC2 listings without MaxResults: small ones show who forgets to page. */
  pageSize?: number;
  /** Has the account used fleets and spot instances before? A new account, by default, has not. */
  serviceLinkedRoles?: boolean;
  /** Where the signing keys of OIDC issuers are, by issuer: URLs on loopback. */
  oidcKeys?: KeySource;
  /** Whether the clients of this process use sockets, as all others do. By default what they send is handed over. */
  sockets?: boolean;
  /** Of the endpoint; by default 127.0.0.1 and a free port. */
  host?: string;
  port?: number;
}

/** A whole AWS account in this process, and the hands that only tests have. */
export interface Cloud {
  readonly endpoint: string;
  /** For child processes: the endpoint, the owner's keys, and nothing that could lead to a real account. */
  readonly env: Record<string, string>;
  readonly account: string;
  readonly region: string;
  readonly wire: WireServer;
  readonly ec2: Ec2;
  readonly iam: Iam;
  readonly fis: Fis;
  readonly limits: AccountLimits;
  readonly logGroups: Logs;
  readonly sts: Sts;
  readonly s3: S3;
  readonly route53: Route53;
  readonly acm: Acm;
  readonly ssm: Ssm;
  readonly sns: Sns;
  readonly budgets: Budgets;
  readonly dns: DnsServer | undefined;
  readonly jobs: Jobs;
  readonly machines: Machines;
  /** How many calls there were, as a mark for `writes`. */
  mark(): number;
  /** Calls since a mark that could change something, refused ones included; of one access key when given. */
  writes(since?: number, accessKeyId?: string): Call[];
  /** What must be empty at the end: contract errors on the wire and failures of what ran by itself. */
  faults(): Error[];
  /** Resolves when nothing is under way but waits on the clock. */
  settled(): Promise<void>;
  reclaim(instanceId: string, options?: { noticeSeconds?: number; rebalance?: boolean }): void;
  reclaimNow(instanceId: string): void;
  rebalance(instanceId: string): void;
  capacity(type: string, zone: string, state: CapacityState, market?: Market | "*"): void;
  freeze(instanceId: string): Promise<void>;
  thaw(instanceId: string): Promise<void>;
  /** Ends machines, servers and timers. Idempotent. */
  close(): Promise<void>;
}

/** Starts the local AWS. */
export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  const clock = options.clock ?? systemClock;
  const account = options.account ?? "123456789012";
  const region = options.region ?? "us-east-1";
  const now = () => clock.now();
  const jobs = new Jobs(clock);
  const wire = new WireServer({
    now,
    simulated: clock !== systemClock,
    inProcess: options.sockets !== true,
    secretOf: (accessKeyId) => iam.secretOf(accessKeyId),
  });
  const iam: Iam = new Iam(wire, {
    account,
    region,
    clock,
    lookups: {
      tagsOf: (arn) => {
        if (arn.startsWith("arn:aws:route53:")) return route53.tagsOf(arn);
        if (arn.startsWith("arn:aws:fis:")) return fis.tagsOf(arn);
        if (arn.startsWith("arn:aws:sns:")) return sns.tagsOf(arn);
        if (arn.startsWith("arn:aws:logs:")) return logGroups.tagsOf(arn);
        if (arn.startsWith("arn:aws:acm:")) return tagsOfCertificate(acm, arn);
        return arn.startsWith("arn:aws:ec2:") ? ec2.tagsOf(arn) : undefined;
      },
      launchTemplate: (reference) => ec2.launchTemplate(reference),
      bucketPolicy: (bucket) => policyOf(s3, bucket),
    },
  });
  iam.instances.propagationMs = options.delays?.profileKnown ?? 0;
  const sts = new Sts(wire, iam, options.oidcKeys);
  const s3: S3 = new S3(wire, {
    account,
    now,
    may: (call, action, resource) => iam.may(call, action, resource),
    versioned: options.delays?.versioned,
  });
  const route53: Route53 = new Route53(wire, { clock, ...options.dnsDelays });
  const acm: Acm = new Acm(wire, { zones: route53.zones, account, region, clock });
  const ssm = new Ssm(wire, { account, region, now, publicParameters: debianParameters() });
  const sns: Sns = new Sns(wire, { account, region, clock });
  const budgets = new Budgets(wire, account);
  const logGroups: Logs = new Logs(wire, { account, region, now, ...options.logs });
  const dns = options.dns === undefined ? undefined : await new DnsServer(route53.zones).start(options.dns);
  const stopServers = async () => {
    await dns?.stop();
    await wire.stop();
  };
  await wire.start({
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  const env = environment(wire.endpoint, region);
  const machines = await machinesOf(options.machines, env).catch(async (error: unknown) => {
    await stopServers();
    throw error;
  });
  const limits = amply();
  if (options.limits !== undefined && "plan" in options.limits) limits.plan = options.limits.plan;
  for (const [code, value] of Object.entries(options.limits?.quotas ?? {})) limits.quotas.set(code, value);
  serveLimits(wire, limits, account);
  wire.before(({ region: asked }) => {
    if (asked === undefined || options.disabledRegions?.includes(asked) !== true) return;
    const message = "The security token included in the request is invalid.";
    throw new AwsError("InvalidClientTokenId", message, 403);
  });
  const ec2: Ec2 = new Ec2(wire, {
    limits,
    account,
    region,
    jobs,
    machines,
    profiles: iam.instances,
    metadata: options.imds ?? (async () => async () => {}),
    ...(options.zones === undefined ? {} : { zones: options.zones }),
    ...(options.delays === undefined ? {} : { delays: options.delays }),
    ...(options.fleetHabits === undefined ? {} : { fleetHabits: options.fleetHabits }),
    ...(options.pageSize === undefined ? {} : { pageSize: options.pageSize }),
  });
  const fis: Fis = new Fis(wire, {
    iam,
    jobs,
    isSpot: (id) => ec2.isRunningSpot(id),
    interrupt: (id, noticeSeconds) => ec2.reclaim(id, { noticeSeconds }),
  });
  if (options.serviceLinkedRoles) await addServiceLinkedRoles(wire, region);

  return {
    endpoint: wire.endpoint,
    env,
    account,
    region,
    wire,
    ec2,
    iam,
    fis,
    limits,
    logGroups,
    sts,
    s3,
    route53,
    acm,
    ssm,
    sns,
    budgets,
    dns,
    jobs,
    machines,
    mark: () => wire.calls.length,
    writes: (since = 0, accessKeyId) =>
      wire.calls
        .slice(since)
        .filter((call) => !isRead(call) && (accessKeyId === undefined || call.accessKeyId === accessKeyId)),
    faults: () => [...wire.faults, ...jobs.failures, ...(dns?.faults ?? [])],
    settled: () => jobs.settled(),
    reclaim: (id, how) => ec2.reclaim(id, how),
    reclaimNow: (id) => ec2.reclaimNow(id),
    rebalance: (id) => ec2.rebalance(id),
    capacity: (type, zone, state, market) => ec2.capacity(type, zone, state, market),
    freeze: (id) => ec2.freeze(id),
    thaw: (id) => ec2.thaw(id),
    close: async () => {
      await Promise.all([jobs.close(), machines.close()]);
      await ec2.hosting.close();
      await stopServers();
    },
  };
}

const machinesOf = async (given: CloudOptions["machines"], env: Record<string, string>): Promise<Machines> =>
  typeof given === "function" ? given(env) : (given ?? simulatedMachines());
