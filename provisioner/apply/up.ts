import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "../../agent/site/clock.ts";
import { updateDocument } from "../../agent/site/document.ts";
import { imageDocument } from "../../agent/site/documents/image-note.ts";
import { keys } from "../../agent/site/names.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { Aws } from "../aws/connect.ts";
import type { Pool } from "../aws/fleets.ts";
import type { Made, UpAction, ZonePool } from "../plan/actions.ts";
import { configurationVersion } from "../plan/configuration-version.ts";
import type { Change } from "../plan/plan.ts";
import { reconfigureCandidate, unconfigureCandidate } from "../release/publish.ts";
import { currentOf } from "../seen/current.ts";
import type { SiteSeen } from "../seen/observe.ts";
import { describeVersion, parseVersion, type TemplateData, templateHash } from "../wanted/template.ts";
import { wantedOf } from "../wanted/wanted.ts";
import { untilIssued, validate } from "./acm.ts";
import { makeBridge } from "./bridge.ts";
import { removeImage } from "./obsolete-images.ts";
import type { TakeBack } from "./take-back.ts";

/** What an action needs beyond the plan. */
export interface Sources {
  /**
   * Publishes the project's folder as the candidate. @returns one line about it.
   * @param template version of the launch template that it comes with.
   */
  publishFirstRelease(template: number | undefined): Promise<string>;
  clock: Clock;
  takeBack: TakeBack;
}

/** Until EC2 knows a new instance profile: usually some seconds (IAM user guide, "Troubleshoot IAM"). */
const PROFILE_SECONDS = 15;

/**
 * Does one action of `up`. Ids of what exists come from `seen`; those of what is made are kept for the actions that
 * follow.
 * @returns a detail for a person.
 */
export function upExecutor(
  aws: Aws,
  change: Change,
  sources: Sources,
): (action: UpAction) => Promise<string | undefined> {
  const { config, facts, seen } = change;
  const current = currentOf(seen);
  const { network, bucket, roles, templates, fleets } = aws;
  let { wanted } = change;
  let certificate: string | undefined;
  const withUserData = (data: TemplateData) => ({ ...data, userData: wanted.template.data.userData });
  const ids = {
    vpc: current.vpc?.id,
    gateway: current.gateway?.id,
    subnets: new Map([...current.subnets].map(([zone, s]) => [zone, s.id])),
    routeTable: current.routeTable?.id,
    group: current.group?.id,
    template: current.template && { id: current.template.id, version: current.template.latest.version },
    fleet: current.fleet?.id,
  };
  const pools = (list: readonly ZonePool[]): Pool[] =>
    list.map((p) => ({
      type: p.type,
      maxPrice: p.maxPrice,
      subnet: known(ids.subnets.get(p.zone), "subnet"),
    }));
  const launch = (list: readonly ZonePool[]) => ({
    template: known(ids.template, "template"),
    pools: pools(list),
  });
  const describe = (data: TemplateData, group: string, { base, ...made }: Made) => {
    const baked = base === undefined ? undefined : { base, stock: known(ids.template, "template").version };
    return describeVersion({ hash: templateHash(data, group), ...made, baked });
  };
  let stock = parseVersion(current.template?.latest.description)?.baked?.stock;

  const bridging = (
    { pools, ceiling }: { pools: readonly ZonePool[]; ceiling: number | undefined },
    template: { id: string; version: number },
  ) => {
    const token = (kind: string) => fleetToken(template, seen, kind);
    return makeBridge(aws, launch(pools), token, ceiling, sources.clock);
  };

  let profileSince: number | undefined;
  /** A fleet that meets a profile EC2 does not know yet leaves the template alone for minutes. */
  const profileKnown = async () => {
    if (profileSince === undefined) return;
    const left = profileSince + PROFILE_SECONDS * 1000 - sources.clock.now();
    if (left > 0) await sources.clock.sleep(left);
  };

  return async (action) => {
    switch (action.do) {
      case "create-service-role":
        return quietly(roles.createServiceRole(action.service));
      case "create-bucket":
        await bucket.create();
        return bucket.name;
      case "tag-bucket":
        return quietly(bucket.tag());
      case "block-public-access":
        return quietly(bucket.blockPublicAccess());
      case "version-bucket":
        return quietly(bucket.version());
      case "encrypt-bucket":
        return quietly(bucket.encrypt());
      case "set-bucket-policy":
        return quietly(bucket.setPolicy(wanted.bucket.policy));
      case "set-bucket-lifecycle":
        return quietly(bucket.setLifecycle(wanted.bucket.lifecycle));
      case "create-log-group":
        await aws.logs.create();
        return aws.logs.group;
      case "keep-logs":
        return quietly(aws.logs.keep(action.days));
      case "create-role":
        return quietly(roles.createRole(wanted.role.trust));
      case "set-role-trust":
        return quietly(roles.setTrust(wanted.role.trust));
      case "set-role-policy":
        return quietly(roles.setPolicy(wanted.role.policy));
      case "create-profile":
        return quietly(roles.createProfile());
      case "add-role-to-profile":
        for (const other of action.instead) await roles.removeFromProfile(other);
        await roles.addToProfile();
        profileSince = sources.clock.now();
        return;
      case "create-vpc":
        ids.vpc = await network.createVpc(action.cidr);
        return ids.vpc;
      case "create-gateway":
        ids.gateway = await network.createGateway();
        return ids.gateway;
      case "attach-gateway":
        return quietly(network.attachGateway(known(ids.gateway, "gateway"), known(ids.vpc, "VPC")));
      case "create-subnet": {
        const subnet = await network.createSubnet(known(ids.vpc, "VPC"), action.zone, action.cidr);
        ids.subnets.set(action.zone, subnet);
        return subnet;
      }
      case "create-route-table":
        ids.routeTable = await network.createRouteTable(known(ids.vpc, "VPC"));
        return ids.routeTable;
      case "create-route":
        return quietly(
          network.routeToInternet(known(ids.routeTable, "route table"), known(ids.gateway, "gateway")),
        );
      case "associate-subnet":
        return quietly(
          network.associate(
            known(ids.routeTable, "route table"),
            known(ids.subnets.get(action.zone), "subnet"),
          ),
        );
      case "create-group":
        ids.group = await network.createGroup(known(ids.vpc, "VPC"), `everspot site ${wanted.site}`);
        return ids.group;
      case "allow-ingress":
        return quietly(network.allow(known(ids.group, "group"), action.rules));
      case "revoke-ingress":
        return quietly(network.revoke(known(ids.group, "group"), action.rules));
      case "request-certificate":
        certificate = await aws.certificates.request(action.names, action.token);
        wanted = wantedOf(config, facts, certificate);
        return certificate;
      case "validate-certificate":
        return validate(aws, known(action.arn ?? certificate, "certificate"), action.zone, sources.clock);
      case "wait-for-certificate":
        return untilIssued(aws, known(action.arn ?? certificate, "certificate"), sources.clock);
      case "delete-certificate":
        return quietly(aws.certificates.delete(action.arn));
      case "make-secret":
        return quietly(aws.secrets.make(action.name, randomBytes(48).toString("base64url")));
      case "create-topic":
        return quietly(aws.topic.create());
      case "delete-topic":
        return quietly(aws.topic.delete());
      case "subscribe":
        return quietly(aws.topic.subscribe(action.email));
      case "unsubscribe":
        return quietly(aws.topic.unsubscribe(action.subscription));
      case "create-budget":
        if (action.instead) await aws.budget.delete();
        return quietly(aws.budget.create(action));
      case "delete-budget":
        return quietly(aws.budget.delete());
      case "upload-agent":
        return quietly(
          aws.store.upload(keys.agent(action.sha256), change.agent.file, undefined, change.agent.encoding),
        );
      case "publish-release":
        return sources.publishFirstRelease(configurationVersion(change.actions, current.template));
      case "reconfigure-candidate": {
        const { release: id, template } = action;
        const before = seen.channel?.candidate?.template;
        await reconfigureCandidate(aws.store, id, template, sources.clock);
        sources.takeBack.add(`that ${id} waits for version ${template} of the launch template`, () =>
          unconfigureCandidate(aws.store, { id, template, before }, sources.clock),
        );
        return;
      }
      case "create-template": {
        const group = known(ids.group, "group");
        const data = withUserData(action.data);
        ids.template = await templates.create(data, group, describe(data, group, action.made));
        return ids.template.id;
      }
      case "create-template-version": {
        const group = known(ids.group, "group");
        const before = known(ids.template, "template");
        const data = withUserData(action.data);
        const description = describe(data, group, action.made);
        const version = await templates.createVersion(before.id, data, group, description);
        if (action.made.base !== undefined) stock = before.version;
        ids.template = { id: before.id, version };
        sources.takeBack.version(ids.template, () => templates.deleteVersion(before.id, version));
        return `version ${version}`;
      }
      case "note-image": {
        const note = {
          image: action.image,
          launches: known(ids.template, "template").version,
          stock: known(stock, "template with Debian's image"),
        };
        await updateDocument(aws.store, imageDocument, () => ({ version: 1, ...note }));
        return `version ${note.stock}`;
      }
      case "remove-image":
        return quietly(removeImage(aws, { id: action.image, snapshot: action.snapshot }));
      case "create-fleet": {
        await profileKnown();
        const template = known(ids.template, "template");
        const token = fleetToken(template, seen);
        ids.fleet = await fleets.create(launch(action.pools), token, "spot", action.ceiling);
        return ids.fleet;
      }
      case "replace-fleet":
      case "replace-bridge": {
        const spot = action.do === "replace-fleet";
        const template = known(ids.template, "template");
        // First the old one: with both, each would replace what the new owner of the site ends.
        const there = (await fleets.look()).some((f) => f.alive && f.id === action.fleet);
        if (there) await (spot ? fleets.dissolve(action.fleet) : fleets.delete(action.fleet));
        if (!spot) return bridging(action, template);
        await profileKnown();
        const token = fleetToken(template, seen);
        ids.fleet = await fleets.create(launch(action.pools), token, "spot", action.ceiling);
        const { role } = await aws.github.look();
        const named = JSON.stringify(role?.policy ?? "").includes(action.fleet);
        return named
          ? `${ids.fleet}; GitHub's role is for the old one: run \`everspot github\` again`
          : ids.fleet;
      }
      case "change-fleet": {
        await fleets.change(known(ids.fleet, "fleet"), {
          launch: launch(action.pools),
          ...omitUndefined({ total: action.target }),
        });
        return `version ${known(ids.template, "template").version}`;
      }
      case "set-fleet-target":
        return quietly(fleets.change(known(ids.fleet, "fleet"), { total: action.target }));
      case "replace-instance":
        // The fleet launches another one in its place.
        return quietly(aws.instances.terminate([action.instance]));
      case "create-bridge":
        return bridging(action, known(ids.template, "template"));
      case "change-bridge":
        return quietly(fleets.change(known(current.bridge, "bridge").id, { launch: launch(action.pools) }));
      case "delete-bridge":
        return quietly(fleets.delete(action.fleet));
    }
  };
}

async function quietly(work: Promise<void>): Promise<undefined> {
  await work;
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`the plan uses a ${what} that it does not make`);
  return value;
}

/**
 * The same for the same state of things, so that a run that was cut off and one right after it, which EC2 may not
 * show the fleet yet, ask for the same fleet; another one once that fleet has been deleted.
 */
function fleetToken(
  template: { id: string; version: number },
  seen: SiteSeen,
  ...kind: readonly string[]
): string {
  const before = seen.fleets.map((f) => f.id);
  return createHash("sha256")
    .update(JSON.stringify([template, before, ...kind]))
    .digest("hex")
    .slice(0, 32);
}
