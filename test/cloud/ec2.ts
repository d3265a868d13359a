import * as client from "@aws-sdk/client-ec2";
import { readAnswers } from "./answers.ts";
import { overLimit } from "./ec2/account-limits.ts";
import { Capacity, type CapacityState, type Market } from "./ec2/capacity.ts";
import { consoleHandlers } from "./ec2/console.ts";
import { creditHandlers } from "./ec2/credit-handlers.ts";
import { addDefaultVpc } from "./ec2/default-vpc.ts";
import { type Delays, noDelays } from "./ec2/delays.ts";
import { type FleetHabits, habitsOf } from "./ec2/fleet-habits.ts";
import { fleetHandlers } from "./ec2/fleet-handlers.ts";
import { Fleets } from "./ec2/fleets.ts";
import { Hosting } from "./ec2/hosting.ts";
import { imageHandlers } from "./ec2/image-handlers.ts";
import { Images } from "./ec2/images.ts";
import { assertSpot, isGone } from "./ec2/instance.ts";
import { instanceHandlers } from "./ec2/instance-handlers.ts";
import { instanceTypeHandlers } from "./ec2/instance-types.ts";
import { Instances, type MetadataService } from "./ec2/instances.ts";
import { gatewayHandlers } from "./ec2/internet-gateways.ts";
import { launchTemplateHandlers } from "./ec2/launch-template-handlers.ts";
import { Templates } from "./ec2/launch-templates.ts";
import { Network } from "./ec2/network.ts";
import { register } from "./ec2/operations.ts";
import type { Place } from "./ec2/place.ts";
import type { Profiles } from "./ec2/profiles.ts";
import { routeTableHandlers } from "./ec2/route-tables.ts";
import { securityGroupHandlers } from "./ec2/security-groups.ts";
import { spotPriceHandlers } from "./ec2/spot-prices.ts";
import { spotRequestHandlers } from "./ec2/spot-requests.ts";
import { subnetHandlers } from "./ec2/subnets.ts";
import { Tags } from "./ec2/tags.ts";
import { attachmentHandlers } from "./ec2/volumes.ts";
import { vpcHandlers } from "./ec2/vpcs.ts";
import { defaultZones, zoneHandlers } from "./ec2/zones.ts";
import type { Jobs } from "./jobs.ts";
import { type AccountLimits, VPCS } from "./limits.ts";
import type { Machines } from "./machines.ts";
import type { WireServer } from "./wire/server.ts";

export { type Delays, noDelays, realisticDelays } from "./ec2/delays.ts";
export { debianImages } from "./ec2/images.ts";

export interface Ec2Options {
  account: string;
  region: string;
  zones?: readonly string[];
  jobs: Jobs;
  machines: Machines;
  profiles: Profiles;
  metadata: MetadataService;
  delays?: Partial<Delays>;
  fleetHabits?: Partial<FleetHabits>;
  limits: AccountLimits;
  /** Of a listing without MaxResults: small ones show who forgets to page. */
  pageSize?: number;
}

/**
 * EC2 with fleets, in one region.
 *
 * Not modelled: traffic (routes and security groups are kept and checked, not enforced), IPv6, NAT, network ACLs,
 * Elastic IPs, volumes and interfaces of their own, key pairs, placement groups, fleets of type `request`,
 * weighted capacity, instance requirements, interruption by stop or hibernate, more than one interface.
 * An instance's private address is its public one, outside its subnet's range, and changes at stop and start.
 */
export class Ec2 {
  /** Settable at any time. */
  readonly delays: Delays;
  readonly tags: Tags;
  readonly network = new Network();
  readonly templates: Templates;
  readonly images: Images;
  readonly hosting: Hosting;
  readonly instances: Instances;
  readonly fleets: Fleets;
  readonly #place: Place;
  readonly #capacity = new Capacity();
  readonly #machines: Machines;

  constructor(wire: WireServer, options: Ec2Options) {
    const { machines, profiles, metadata, jobs, account, region } = options;
    const pageSize = options.pageSize ?? 1000;
    const { network } = this;
    const delays: Delays = { ...noDelays, ...options.delays };
    const zones = options.zones ?? defaultZones(region);
    this.delays = delays;
    this.tags = new Tags(pageSize);
    const place: Place = { account, region, zones, jobs, pageSize, tags: this.tags };
    this.#place = place;
    this.#machines = machines;
    this.templates = new Templates(place);
    this.images = new Images(place);
    this.hosting = new Hosting(place, profiles, machines, metadata);
    this.instances = new Instances(place, network, this.hosting, delays);
    const { instances, templates, images } = this;
    const world = {
      place,
      network,
      images,
      capacity: this.#capacity,
      profiles,
      instances,
      templates,
      delays,
      fleetHabits: { ...habitsOf(readAnswers()), ...options.fleetHabits },
    };
    this.#capacity.limit((type, market) =>
      overLimit(options.limits, delays, instances.list(), { type, market, now: jobs.now() }),
    );
    this.fleets = new Fleets(world);
    addDefaultVpc(place, network);

    wire.use(client, "ec2");
    register(wire, {
      ...this.tags.handlers,
      ...zoneHandlers(place),
      ...vpcHandlers(place, network, () => options.limits.quotas.get(VPCS) ?? Number.POSITIVE_INFINITY),
      ...gatewayHandlers(place, network),
      ...subnetHandlers(place, network),
      ...routeTableHandlers(place, network),
      ...securityGroupHandlers(place, network),
      ...launchTemplateHandlers(place, templates),
      ...instanceTypeHandlers(place),
      ...spotPriceHandlers(place),
      ...imageHandlers(place, images, instances, machines, delays),
      ...instanceHandlers(world, instances, templates),
      ...consoleHandlers(place, instances, machines, delays),
      ...creditHandlers(place, instances),
      ...spotRequestHandlers(place, instances, delays),
      ...attachmentHandlers(place, network, instances.volumes),
      ...fleetHandlers(world, this.fleets),
    });
  }

  /**
   * AWS wants a spot instance back: the notice appears, and with it (unless `rebalance` is false) the rebalance
   * recommendation; after `noticeSeconds` the instance is shut down.
   */
  reclaim(instanceId: string, options: { noticeSeconds?: number; rebalance?: boolean } = {}): void {
    const instance = this.instances.find(instanceId);
    assertSpot(instance);
    const { jobs } = this.#place;
    const notice = (options.noticeSeconds ?? 120) * 1000;
    const time = new Date(jobs.clock.now() + notice);
    this.#capacity.reclaimed(instance.spec.type.name, instance.spec.subnet.zone);
    this.instances.notify(instance, {
      spotAction: { action: "terminate", time },
      ...(options.rebalance === false ? {} : { rebalance: { noticeTime: jobs.now() } }),
    });
    jobs.start(`reclaim ${instanceId}`, async () => {
      await jobs.sleep(notice);
      if (!isGone(instance)) this.instances.terminate(instance, "Server.SpotInstanceTermination");
    });
  }

  isRunningSpot(instanceId: string): boolean {
    const found = this.instances.list().find((i) => i.id === instanceId);
    return found?.state === "running" && found.spotRequestId !== undefined;
  }

  /** The machine is cut off this instant, without any notice. */
  reclaimNow(instanceId: string): void {
    const instance = this.instances.find(instanceId);
    this.#capacity.reclaimed(instance.spec.type.name, instance.spec.subnet.zone);
    this.instances.terminate(instance, "Server.SpotInstanceTermination", { kill: true });
  }

  /** The rebalance recommendation alone. */
  rebalance(instanceId: string): void {
    const instance = this.instances.find(instanceId);
    assertSpot(instance);
    this.instances.notify(instance, { rebalance: { noticeTime: this.#place.jobs.now() } });
  }

  /** Whether a pool can launch; `*` stands for every type or zone. */
  capacity(type: string, zone: string, state: CapacityState, market: Market | "*" = "spot"): void {
    this.#capacity.set(type, zone, state, market);
  }

  /** For so long DescribeInstances knows nothing of the instance, as by a reader that has not heard of it. */
  hide(instanceId: string, seconds: number): void {
    this.instances.find(instanceId).shown.hide(this.#place.jobs.clock.now(), seconds * 1000);
  }

  /** Makes the instance's status checks fail, or pass again. */
  impair(instanceId: string, impaired = true): void {
    this.instances.impair(this.instances.find(instanceId), impaired);
  }

  /** Stops every process of the machine where it is. Status checks go on passing: `impair` fails them. */
  async freeze(instanceId: string): Promise<void> {
    await this.#machines.freeze(this.instances.find(instanceId).id);
  }

  async thaw(instanceId: string): Promise<void> {
    await this.#machines.thaw(this.instances.find(instanceId).id);
  }

  /** Of any resource, by its ARN (`arn:aws:ec2:…:instance/i-1`); undefined when there is none. */
  tagsOf(arn: string): Record<string, string> | undefined {
    const id = arn.slice(arn.lastIndexOf("/") + 1);
    if (!this.tags.has(id)) return undefined;
    return Object.fromEntries(this.tags.of(id).map((t) => [t.Key ?? "", t.Value ?? ""]));
  }

  /** A launch template version and the profile it names; undefined when there is none. */
  launchTemplate(reference: {
    id: string | undefined;
    name: string | undefined;
    version: string | undefined;
  }): { id: string; profile: string | undefined } | undefined {
    const template = [...this.templates.all.values()].find(
      (t) => t.id === reference.id || (reference.id === undefined && t.name === reference.name),
    );
    if (template === undefined) return undefined;
    const profile = this.templates.version(template, reference.version).data.IamInstanceProfile;
    return { id: template.id, profile: profile?.Arn ?? profile?.Name };
  }
}
