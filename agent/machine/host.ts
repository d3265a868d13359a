/** What this machine lends to the site: a user and sockets for its apps, and the front door that visitors come to. */
import { readlink, rm } from "node:fs/promises";
import type { BootConfig } from "../../user-data/boot-config.ts";
import type { ServedCertificate } from "../certificate/context.ts";
import type { Identity } from "../identity/identity.ts";
import { ensureAppUser } from "../isolation/app-user.ts";
import { isolateMetadata, limitCrowds } from "../isolation/isolate.ts";
import type { MetadataEndpoint } from "../isolation/metadata-rules.ts";
import { bringEarlier, keepStaticFiles } from "../release/earlier-static.ts";
import { runningRelease } from "../release/running.ts";
import type { AppMachine } from "../serving/app.ts";
import { askHealth, type Health } from "../serving/health.ts";
import { applyNginx, renewNginx } from "../serving/nginx.ts";
import { type Answer, probeSite } from "../serving/probe.ts";
import { servedSerial } from "../serving/served-serial.ts";
import { siteNginx } from "../serving/site-nginx.ts";
import type { Clock } from "../site/clock.ts";
import type { MaintenanceState } from "../site/documents/maintenance.ts";
import { messageOf } from "../site/errors.ts";
import type { ObjectStore } from "../site/store.ts";
import { nth, paths } from "../system/paths.ts";
import type { PatientClock } from "../system/processor.ts";
import type { Units } from "../system/units.ts";
import { appMachine } from "./app-machine.ts";
import { isInMaintenance, layOutMaintenance } from "./maintenance.ts";

/** Seconds. */
const EARLIER_SECONDS = 20;

type Shown = Pick<ServedCertificate, "fullchain" | "key" | "source" | "changed">;

export interface Host {
  /** Where apps run; their user is made when missing. */
  apps(): Promise<AppMachine>;
  /** Keeps users from the metadata service, and one visitor from keeping out all others. @returns what was done, for a person. @throws EverspotError */
  isolate(...uids: number[]): Promise<string>;
  /** The release that serves here now. */
  running(): Promise<{ id: string; role: "running" } | undefined>;
  /** Makes nginx serve the site. @returns what was done. @throws EverspotError with nginx's own words. */
  open(certificate: Shown): Promise<string>;
  /** Gives visitors a page instead of the site, or the site again. @param state undefined: none was ever asked for. */
  maintain(state: MaintenanceState | undefined): Promise<void>;
  inMaintenance(): Promise<boolean>;
  /** Serves a renewed certificate without cutting off a request; with `hurry` at once. */
  renew(certificate: Shown, hurry: boolean, signal: AbortSignal): Promise<void>;
  /** Asks the app that nginx passes requests on to. */
  ask(): Promise<Health>;
  /**
   * Asks for the site as a visitor will, for so long at most.
   * @param serial of the certificate that nginx was given. @throws EverspotError quoting the last answer.
   */
  probe(
    seconds: number,
    signal: AbortSignal,
    serial?: string,
  ): Promise<Pick<Answer, "milliseconds" | "distrust">>;
  /**
   * Puts static files of earlier releases in place, for pages that are open. Never throws, and takes so long that no boot
   * need wait for more. @returns what was done.
   */
  earlierStatic(release: string, signal: AbortSignal): Promise<string>;
  /** Keeps the static files of the release that serves for machines that come later. @returns what was done. */
  keepStatic(release: string): Promise<string>;
  /** The serial of the certificate that visitors are shown, lower-case hex. @throws Error when none is. */
  servedSerial(): Promise<string>;
}

/** The instance that this program runs on. */
export function thisHost(
  config: BootConfig,
  { privateAddress }: Identity,
  endpoint: MetadataEndpoint,
  units: Units,
  clock: Clock,
  patience: PatientClock,
  store: ObjectStore,
  /** As the app has it. */
  apps: BootConfig = config,
): Host {
  const nginx = (certificate: Shown) => siteNginx(config, privateAddress, certificate);
  const { domain, app } = config;
  const each = async (work: (n: number) => Promise<string>): Promise<string> =>
    (await Promise.all([...(app.static ?? []).keys()].map(work))).join("; ") || "none";
  return {
    apps: async () => appMachine(apps, units, patience, await ensureAppUser()),
    async isolate(...uids) {
      await isolateMetadata(units, paths.units, endpoint, uids);
      const unlimited = await limitCrowds().then(
        () => "",
        (error) => `; one visitor can keep out others: ${messageOf(error)}`,
      );
      return `user ${uids.join(" and ")} cannot reach ${endpoint.address}:${endpoint.port}${unlimited}`;
    },
    running: () => runningRelease(units, paths, config),
    async open(certificate) {
      // The agent may have died during a renewal.
      await rm(paths.closing, { force: true });
      const done = await applyNginx(units, paths.nginxConfig, nginx(certificate), certificate.changed);
      return `${done} on ${privateAddress}`;
    },
    maintain: (state) => layOutMaintenance(paths.maintenance, state),
    inMaintenance: () => isInMaintenance(paths.maintenance),
    renew: (certificate, hurry, signal) =>
      renewNginx(
        units,
        { file: paths.nginxConfig, config: nginx(certificate), marker: paths.closing, hurry },
        clock,
        signal,
      ),
    ask: () => askHealth({ link: paths.socket }, app.health, domain),
    probe: (seconds, signal, serial) =>
      probeSite(
        { address: privateAddress, domain: app.redirectTo ?? domain, path: app.health, serial },
        seconds,
        patience,
        signal,
      ),
    async earlierStatic(release, signal) {
      const where = (n: number) => ({
        ...{ store, n, folder: nth(paths.staticEarlier, n), link: nth(paths.staticBefore, n) },
      });
      const over = new AbortController();
      const late = AbortSignal.any([signal, over.signal]);
      const slow = clock.sleep(EARLIER_SECONDS * 1000, late).then(
        () => "not all of them: the bucket is too slow",
        () => "",
      );
      const work = each((n) =>
        bringEarlier(where(n), release, clock.now(), late).catch((e) => `none: ${messageOf(e)}`),
      );
      try {
        return await Promise.race([work, slow]);
      } finally {
        over.abort();
      }
    },
    async keepStatic(release) {
      return each(async (n) => {
        const folder = await readlink(nth(paths.staticLink, n)).catch(() => undefined);
        if (folder === undefined) return "none";
        return keepStaticFiles({ store, n, folder: nth(paths.staticEarlier, n) }, release, folder);
      });
    },
    servedSerial: () => servedSerial(privateAddress, domain),
  };
}
