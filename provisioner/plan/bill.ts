import type { Credits } from "../../agent/site/config/burstable.ts";
import type { SpotPrice } from "../aws/market.ts";
import prices from "./prices.json" with { type: "json" };
import { type Surplus, surplusOf } from "./surplus.ts";

/** USD per month, low to high. */
export interface BillLine {
  what: string;
  low: number;
  high: number;
  note?: string;
}

export interface Bill {
  lines: BillLine[];
  low: number;
  high: number;
  /** The same with an on-demand instance, where that price is known. */
  onDemand: { low: number; high: number } | undefined;
  /** USD per hour while an on-demand instance bridges; undefined when that is not allowed, or not known. */
  bridge: { low: number; high: number } | undefined;
  /** What may come on top for CPU credits. */
  surplus: Surplus | undefined;
  /** From which day and region the prices are that do not come from EC2. */
  basis: string;
}

export interface BillInput {
  region: string;
  types: readonly string[];
  spot: readonly SpotPrice[];
  /** The running instance, if any: its pool alone counts. */
  running: { type: string; zone: string } | undefined;
  /** GB. */
  disk: number;
  /** GB of the disks that the site's own images were made from. */
  images: readonly number[];
  /** How many names the exportable certificate that is requested from ACM has; 0 without one. */
  acmNames: number;
  /** Whether an on-demand instance may bridge a lack of spot capacity. */
  bridge: boolean;
  credits: Credits;
  /** What `[state]` of everspot.toml comes to; undefined without. */
  state: BillLine | undefined;
  /** And `[schedule.NAME]` and `[worker.NAME]`. */
  jobs?: BillLine | undefined;
  /** `[logs]` of everspot.toml. */
  logs: { maxMbPerDay: number };
}

/** The agent looks at bell.json every 5 s, and every minute at site.json, deploy.json, maintenance.json and the certificate's two documents. */
const GETS_PER_MONTH = 30 * 86_400 * (1 / 5 + 5 / 60);
const PUTS_PER_MONTH = 2_000;
/**
 * While a command runs (`everspot run`): the instance looks at bell.json twice a second, whoever follows the command at two
 * objects, and a command that writes all the time fills a part a second.
 */
const RUNNING = { gets: 3600 * (2 + 4), puts: 3600 };
/** Agent, layers, and a few releases. */
const STORED_GB = 0.5;

/** What a month of the site costs. Traffic out to the internet is extra beyond AWS's free 100 GB. */
export function billOf(input: BillInput): Bill {
  const { running } = input;
  const month = (hourly: readonly number[]) =>
    hourly.length === 0
      ? undefined
      : { low: Math.min(...hourly) * prices.hoursPerMonth, high: Math.max(...hourly) * prices.hoursPerMonth };
  const pools = input.spot.filter(
    (p) =>
      input.types.includes(p.type) &&
      (running === undefined || (p.type === running.type && p.zone === running.zone)),
  );
  const spot = month(pools.map((p) => p.price));
  const types = running === undefined ? input.types : [running.type];
  const onDemandPrices: Record<string, number> = prices.onDemandPerHour;
  const known = types.flatMap((t) => onDemandPrices[t] ?? []);
  const onDemand = known.length === types.length ? month(known) : undefined;

  const instance: BillLine = {
    what:
      running === undefined ? `spot instance (${input.types.join(", ")})` : `spot instance (${running.type})`,
    low: spot?.low ?? 0,
    high: spot?.high ?? 0,
    ...(spot === undefined && { note: "EC2 gave no spot price for these types" }),
  };
  const rest: BillLine[] = [
    fixed("public IPv4 address", prices.publicIpv4PerHour * prices.hoursPerMonth),
    fixed(`disk, ${input.disk} GB gp3`, input.disk * prices.gp3PerGbMonth),
    ...input.images.map((gigabytes) => ({
      ...fixed("own image", snapshotCost(gigabytes)),
      note: `at most, for a snapshot of ${gigabytes} GB; AWS charges for the part in use`,
    })),
    { ...fixed("hosted zone", prices.hostedZonePerMonth), note: "once per domain, whatever its contents" },
    {
      ...fixed("bucket", requests(GETS_PER_MONTH, PUTS_PER_MONTH) + STORED_GB * prices.s3.storagePerGbMonth),
      note: `requests, and half a GB; ${dollars(requests(RUNNING.gets, RUNNING.puts))} at most for each hour in which a command runs`,
    },
    logLine(input.logs),
    ...acmLines(input.acmNames),
    ...(input.state === undefined ? [] : [input.state]),
    ...(input.jobs === undefined ? [] : [input.jobs]),
  ];
  const others = rest.reduce((sum, line) => sum + line.low, 0);
  const most = rest.reduce((sum, line) => sum + line.high, 0);
  return {
    lines: [instance, ...rest],
    low: instance.low + others,
    high: instance.high + most,
    bridge:
      input.bridge && known.length > 0 ? { low: Math.min(...known), high: Math.max(...known) } : undefined,
    surplus: surplusOf(types, input.credits),
    onDemand: onDemand && { low: onDemand.low + others, high: onDemand.high + most },
    basis: `spot prices as of now; other prices for ${prices.region}, ${prices.date}${
      input.region === prices.region ? "" : `, which differ a little in ${input.region}`
    }`,
  };
}

/** USD per month, at most: a snapshot holds only the blocks in use. @param gigabytes size of the disk. */
export const snapshotCost = (gigabytes: number): number => gigabytes * prices.snapshotPerGbMonth;

/** USD, for issuing or renewing an exportable certificate. @param names it is for. */
export const certificateCost = (names: number): number => names * prices.acmExportable.perName;

function acmLines(names: number): BillLine[] {
  if (names === 0) return [];
  const { daysBetweenRenewals } = prices.acmExportable;
  const each = certificateCost(names);
  const note = `${dollars(each)} at the request and at each renewal, every ${daysBetweenRenewals} days`;
  return [{ ...fixed("certificate from ACM", (each / daysBetweenRenewals) * (365 / 12)), note }];
}

/** The brake holds for one instance; an account has the free part once. */
function logLine({ maxMbPerDay }: BillInput["logs"]): BillLine {
  const { freeGb, perGb } = prices.logs;
  const most = Math.max(0, (maxMbPerDay * 30) / 1000 - freeGb) * perGb;
  const note =
    most === 0
      ? `CloudWatch Logs: ${freeGb} GB a month are free, and it stays below ${maxMbPerDay} MB a day`
      : `CloudWatch Logs: nothing up to ${freeGb} GB a month, then ${dollars(perGb)} a GB; at most ${maxMbPerDay} MB a day`;
  return { what: "log", low: 0, high: most, note };
}

/** USD, to S3. */
const requests = (gets: number, puts: number): number =>
  (gets * prices.s3.getPerThousand + puts * prices.s3.putPerThousand) / 1000;

const fixed = (what: string, amount: number): BillLine => ({ what, low: amount, high: amount });

export const dollars = (amount: number): string => `$${amount.toFixed(2)}`;

const hourly = (amount: number): string => `$${amount.toFixed(4)}`;

const range = (low: number, high: number): string =>
  dollars(low) === dollars(high) ? dollars(low) : `${dollars(low)} – ${dollars(high)}`;

/** As lines of text, amounts aligned. */
export function renderBill(bill: Bill): string[] {
  const rows: BillLine[] = [...bill.lines, { what: "together per month", low: bill.low, high: bill.high }];
  if (bill.onDemand !== undefined) rows.push({ what: "on demand it would be", ...bill.onDemand });
  if (bill.surplus !== undefined) {
    const { what, most, note } = bill.surplus;
    rows.push({ what, low: most, high: most, note });
  }
  const amounts = rows.map((row) => range(row.low, row.high));
  const wide = Math.max(...rows.map((row) => row.what.length));
  const tall = Math.max(...amounts.map((amount) => amount.length));
  const lines = rows.map(({ what, note }, i) => {
    const amount = (amounts[i] ?? "").padStart(tall);
    return `${what.padEnd(wide)}  ${amount}${note === undefined ? "" : `  (${note})`}`;
  });
  const { bridge } = bill;
  const bridging =
    bridge === undefined
      ? []
      : [
          `while an on-demand instance bridges, it costs ${hourly(bridge.low)} – ${hourly(bridge.high)} per hour`,
        ];
  return [...lines, ...bridging, bill.basis];
}
