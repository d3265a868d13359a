import type { Alert } from "../../agent/site/alerts/alerts.ts";
import type { BootRecord } from "../../agent/site/boot-record.ts";
import { addressOf } from "../config/address.ts";
import type { Answer } from "./answer.ts";
import { currentOf } from "./current.ts";
import type { NoticesSeen } from "./notices.ts";
import type { SiteSeen } from "./observe.ts";
import { oddities } from "./oddities.ts";
import type { DataSeen, Maintenance, StatusInput } from "./status-input.ts";

/** The state of a site, in one document. Times are ISO 8601, prices USD per hour. */
export interface Status {
  site: string;
  url: string;
  /** Whether anything of it is in AWS. */
  exists: boolean;
  answer: Answer | undefined;
  direct: StatusInput["direct"];
  maintenance: Maintenance | undefined;
  owner: { instance: string; epoch: number; address: string; since: string; state: string } | undefined;
  instances: {
    id: string;
    state: string;
    type: string;
    zone: string;
    launched: string;
    address: string | undefined;
    spotPrice: number | undefined;
    templateVersion: number | undefined;
  }[];
  release: {
    current: string | undefined;
    candidate: string | undefined;
    lastKnownGood: string | undefined;
    /** The newest that is: why, and what it said last. */
    quarantined: { id: string; at: string; reason: string; lines?: string[] | undefined } | undefined;
  };
  records: { name: string; type: string; ttl: number | undefined; values: string[] }[];
  fence: { epoch: number; owner: string } | undefined;
  certificate: { expires: string; serial: string; source: string } | undefined;
  boot: BootRecord | undefined;
  fleet:
    | { id: string; state: string; target: number; fulfilled: number; templateVersion: number | undefined }
    | undefined;
  /** The image in the newest version of the launch template; with size and age if it is the site's own. */
  image: { id: string; own: boolean; base?: string; gigabytes?: number; created?: string } | undefined;
  /** Debian's image that the running instance began with. */
  debian: { image: string; created: string | undefined; newest: string | undefined } | undefined;
  console: StatusInput["console"];
  /** What the site writes, as far as it is in its bucket. */
  data: DataSeen | undefined;
  alerts: Pick<Alert, "kind" | "about" | "text" | "since">[];
  /** Who is mailed, and whether they agreed to. */
  mail: { email: string; confirmed: boolean } | undefined;
  /** USD of this month in the whole account, as AWS had it 8 to 12 h ago. */
  spend: { spent: number; forecast: number | undefined; monthly: number } | undefined;
  /** What a person should look at. */
  odd: string[];
}

export function statusOf(given: StatusInput): Status {
  const input = { ...given, alerts: given.alerts.filter((alert) => isOfToday(alert, given.config)) };
  const { config, seen, dns, boot, pointer } = input;
  const { fleet, template, vpc } = currentOf(seen);
  const price = (type: string, zone: string) =>
    input.spot.find((p) => p.type === type && p.zone === zone)?.price;
  const newest = pointer?.issuances[0];
  return {
    site: config.site,
    url: addressOf(config),
    exists: vpc !== undefined || fleet !== undefined || template !== undefined,
    answer: input.answer,
    direct: input.direct,
    maintenance: input.maintenance && {
      ...{ since: input.maintenance.since, by: input.maintenance.by, allow: input.maintenance.allow },
    },
    owner: seen.state && {
      instance: seen.state.owner,
      epoch: seen.state.epoch,
      address: seen.state.address,
      since: seen.state.since,
      state: seen.state.state,
    },
    instances: seen.instances
      .filter((i) => i.state !== "terminated")
      .map((i) => ({
        id: i.id,
        state: i.state,
        type: i.type,
        zone: i.zone,
        launched: i.launched.toISOString(),
        address: i.address,
        spotPrice: i.spot ? price(i.type, i.zone) : undefined,
        templateVersion: i.templateVersion,
      })),
    release: {
      current: seen.channel?.current,
      candidate: seen.channel?.candidate?.id,
      lastKnownGood: seen.channel?.lastKnownGood,
      quarantined: seen.channel?.quarantined.at(-1),
    },
    records: (dns?.records ?? []).map(({ name, type, ttl, values }) => ({ name, type, ttl, values })),
    fence: dns?.fence,
    certificate:
      boot?.certificate ??
      (newest && { expires: newest.notAfter, serial: newest.serial, source: newest.directory }),
    boot,
    fleet: fleet && {
      id: fleet.id,
      state: fleet.state,
      target: fleet.target,
      fulfilled: fleet.fulfilled,
      templateVersion: fleet.template?.version,
    },
    image: imageOf(seen),
    console: input.console,
    data: input.data,
    alerts: input.alerts.map(({ kind, about, text, since }) => ({ kind, about, text, since })),
    mail: mailOf(input),
    spend: spendOf(input.notices),
    debian: input.began && { ...input.began, created: input.began.created?.toISOString() },
    odd: oddities(input, mailOf(input)),
  };
}

/** A job or worker that is no longer configured never ends its alert. */
const isOfToday = ({ kind, about }: Alert, { schedule, worker }: StatusInput["config"]): boolean =>
  kind !== "job" || about === undefined || about in schedule || about in worker;

function mailOf({ config, notices }: StatusInput): Status["mail"] {
  const email = config.notify?.email;
  if (email === undefined || notices === undefined) return undefined;
  const all = notices.topic?.subscriptions ?? [];
  const one = all.find((s) => s.email.toLowerCase() === email.toLowerCase());
  return { email, confirmed: one?.arn !== undefined };
}

const spendOf = (notices: NoticesSeen | undefined): Status["spend"] =>
  notices?.budget && {
    spent: notices.budget.spent,
    forecast: notices.budget.forecast,
    monthly: notices.budget.monthly,
  };

function imageOf(seen: SiteSeen): Status["image"] {
  const { template } = currentOf(seen);
  const id = template?.latest.image;
  if (id === undefined) return undefined;
  const own = seen.images.find((i) => i.id === id);
  if (own === undefined) return { id, own: false };
  return { id, own: true, base: own.base, gigabytes: own.size, created: own.created.toISOString() };
}
