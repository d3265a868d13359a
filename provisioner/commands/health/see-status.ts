import { alertsDocument, openOnes } from "../../../agent/site/alerts/alerts.ts";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { certificateNames } from "../../../agent/site/certificate-names.ts";
import { pointerDocument } from "../../../agent/site/certificates.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { keys } from "../../../agent/site/names.ts";
import { readJsonIfKnown } from "../../../agent/site/read-json.ts";
import { drilled } from "../../../agent/site/state/drilled.ts";
import { readBoot } from "../../aws/boot-records.ts";
import type { Aws } from "../../aws/connect.ts";
import { consoleTail, secretsOf } from "../../boots/console.ts";
import { addressOf } from "../../config/address.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { glance } from "../../data/glance.ts";
import { maintenanceOf } from "../../operator/maintenance.ts";
import type { Tools } from "../../operator/tools.ts";
import { type Answer, isUp } from "../../seen/answer.ts";
import { observeImageAge } from "../../seen/image-age.ts";
import { observeNotices } from "../../seen/notices.ts";
import { observeDns, observeSite, type SiteSeen } from "../../seen/observe.ts";
import { type Status, statusOf } from "../../seen/status.ts";
import type { DataSeen } from "../../seen/status-input.ts";

/** Looks at all there is of a site, and asks it for a page. Changes nothing. */
export async function seeStatus(
  config: SiteConfig,
  aws: Aws,
  tools: Pick<Tools, "clock" | "publicDns" | "probe">,
): Promise<{ status: Status; boot: BootRecord | undefined; seen: SiteSeen }> {
  const { clock } = tools;
  const seen = await observeSite(aws);
  const names = certificateNames(config);
  const instance = seen.instances.find((i) => i.alive)?.id ?? seen.state?.owner;
  const url = addressOf(config, config.app.health);
  const hasBucket = seen.bucket !== undefined;
  const tells = config.notify?.email !== undefined || config.budget !== undefined;
  const [answer, dns, spot, boot, pointer, data, alerts, notices, maintenance] = await Promise.all([
    instance === undefined ? undefined : ask(url, tools),
    observeDns(config, aws, tools.publicDns, seen),
    aws.market.spotPrices([...new Set(seen.instances.filter((i) => i.alive).map((i) => i.type))]),
    !hasBucket || instance === undefined ? undefined : readBoot(aws, instance),
    hasBucket ? readDocument(aws.store, pointerDocument(names)) : undefined,
    !hasBucket || config.state === undefined ? undefined : lookAtData(aws),
    hasBucket ? readJsonIfKnown(aws.store, alertsDocument.key, alertsDocument.schema) : undefined,
    tells ? observeNotices(config, aws) : undefined,
    hasBucket ? maintenanceOf(aws.store) : undefined,
  ]);
  const silent = boot === undefined ? seen.instances.find((i) => i.state === "running") : undefined;
  const [began, printed, direct] = await Promise.all([
    observeImageAge(config, aws, seen, boot),
    silent && consoleTail(aws, silent.id, secretsOf(config)),
    answer === undefined || isUp(answer) ? undefined : askDirectly(url, seen, tools),
  ]);
  const status = statusOf({
    ...{
      config,
      seen,
      dns,
      boot,
      began,
      pointer: pointer?.value,
      spot,
      answer,
      direct,
      data,
      notices,
      maintenance,
    },
    alerts: openOnes(alerts?.alerts ?? []),
    console: silent && printed && { instance: silent.id, lines: printed },
    now: clock.now(),
  });
  return { status, boot, seen };
}

/** At the owner's address, whatever DNS says; an instance that is gone is not asked. */
async function askDirectly(
  url: string,
  { instances, state }: SiteSeen,
  tools: Pick<Tools, "probe" | "clock">,
): Promise<(Answer & { address: string }) | undefined> {
  const owner = instances.find((i) => i.alive && i.id === state?.owner);
  const address = owner?.address;
  return address === undefined ? undefined : { ...(await ask(url, tools, address)), address };
}

/** Once, as a visitor would. */
async function ask(
  url: string,
  { probe, clock }: Pick<Tools, "probe" | "clock">,
  at?: string,
): Promise<Answer> {
  const began = clock.now();
  const said = await probe(url, at);
  return { url, milliseconds: Math.round(clock.now() - began), ...said };
}

async function lookAtData(aws: Aws): Promise<DataSeen | undefined> {
  const [seen, drill] = await Promise.all([
    glance(aws.state),
    // Who may only deploy may not read it.
    readJsonIfKnown(aws.store, keys.stateDrill, drilled).catch(() => undefined),
  ]);
  return seen && { ...seen, drill };
}
