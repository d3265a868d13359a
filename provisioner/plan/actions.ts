import { describeRules, type Rule } from "../wanted/ingress.ts";
import type { TemplateData, Version } from "../wanted/template.ts";
import { dollars } from "./bill.ts";

/** A pool of the fleet before its subnet is known: `maxPrice` in USD per hour. */
export interface ZonePool {
  type: string;
  zone: string;
  maxPrice: number | undefined;
}

/** `base`: set where the image is the site's own. The template's previous version has the base itself. */
export interface Made extends Pick<Version, "os" | "arch"> {
  base?: string;
}

/** One action of `up`, with everything about it that is known beforehand. */
export type UpAction =
  | { do: "create-service-role"; service: string; role: string }
  | { do: "create-bucket" | "tag-bucket" | "block-public-access" | "version-bucket" | "encrypt-bucket" }
  | { do: "set-bucket-policy" | "set-bucket-lifecycle" }
  | { do: "create-log-group" | "keep-logs"; days: number }
  | { do: "create-role" | "set-role-trust" | "create-profile" }
  /** `needed`: it is not only that the site has an image of its own now, or none any more. */
  | { do: "set-role-policy"; needed: boolean }
  | { do: "add-role-to-profile"; instead: readonly string[] }
  | { do: "create-vpc"; cidr: string }
  | { do: "create-gateway" | "attach-gateway" | "create-route-table" | "create-route" }
  | { do: "create-subnet"; zone: string; cidr: string }
  | { do: "associate-subnet"; zone: string }
  | { do: "create-group" }
  | { do: "allow-ingress" | "revoke-ingress"; rules: readonly Rule[] }
  | { do: "request-certificate"; names: readonly string[]; token: string; price: number }
  /** `arn`: undefined for the one that was just requested. */
  | { do: "validate-certificate"; arn: string | undefined; zone: string }
  | { do: "wait-for-certificate"; arn: string | undefined }
  | { do: "delete-certificate"; arn: string; names: readonly string[] }
  | { do: "make-secret"; name: string }
  | { do: "create-topic" | "delete-topic" | "delete-budget" }
  | { do: "subscribe"; email: string }
  | { do: "unsubscribe"; email: string; subscription: string }
  /** `monthly`: USD. `instead`: of one that is otherwise. */
  | { do: "create-budget"; monthly: number; email: string; instead: boolean }
  | { do: "upload-agent"; sha256: string }
  | { do: "publish-release"; folder: string }
  /** `template`: the version of the launch template that the next action makes. */
  | { do: "reconfigure-candidate"; release: string; template: number }
  | { do: "create-template" | "create-template-version"; data: TemplateData; made: Made }
  | { do: "note-image"; image: string }
  | { do: "remove-image"; image: string; snapshot: string | undefined }
  /** `ceiling`: USD per hour that its instances may cost together; without, no price is known of a type. */
  | { do: "create-fleet" | "create-bridge"; pools: readonly ZonePool[]; ceiling: number | undefined }
  | { do: "change-bridge"; pools: readonly ZonePool[] }
  /**
   * By one with another ceiling, which a fleet has from its creation on. The spot fleet's instance stays meanwhile.
   * `needed`: with the old one, the types that are wanted could not be launched.
   */
  | {
      do: "replace-fleet" | "replace-bridge";
      fleet: string;
      pools: readonly ZonePool[];
      ceiling: number | undefined;
      needed: boolean;
    }
  /** `target`: in the same call; otherwise it stays as it is. */
  | { do: "change-fleet"; pools: readonly ZonePool[]; target?: number }
  | { do: "delete-bridge"; fleet: string }
  | { do: "set-fleet-target"; target: number }
  /** `templateVersion`: of the launch template it was launched by. */
  | { do: "replace-instance"; instance: string; templateVersion: number };

/** One line for a person. */
export function describeUp(action: UpAction): string {
  switch (action.do) {
    case "create-service-role":
      return `create the service-linked role ${action.role} (once per account)`;
    case "create-bucket":
      return "create the bucket";
    case "tag-bucket":
      return "tag the bucket";
    case "block-public-access":
      return "block all public access to the bucket";
    case "version-bucket":
      return "keep old versions of objects in the bucket";
    case "encrypt-bucket":
      return "encrypt the bucket";
    case "set-bucket-policy":
      return "set the bucket's policy: TLS only, the state's log append-only";
    case "set-bucket-lifecycle":
      return "set the bucket's lifecycle: old releases, layers, boots and versions expire";
    case "create-log-group":
      return "create the log group in CloudWatch Logs";
    case "keep-logs":
      return `keep each line of the log for ${action.days} days`;
    case "create-role":
      return "create the instances' role";
    case "set-role-trust":
      return "set who may use the role: EC2 only";
    case "set-role-policy":
      return "set the role's policy: this site's objects, records and fleet only";
    case "create-profile":
      return "create the instance profile";
    case "add-role-to-profile":
      return "put the role into the instance profile";
    case "create-vpc":
      return `create the VPC ${action.cidr}`;
    case "create-gateway":
      return "create the internet gateway";
    case "attach-gateway":
      return "attach the internet gateway to the VPC";
    case "create-subnet":
      return `create the subnet ${action.cidr} in ${action.zone}`;
    case "create-route-table":
      return "create the route table";
    case "create-route":
      return "add the route to the internet";
    case "associate-subnet":
      return `use the route table in ${action.zone}`;
    case "create-group":
      return "create the security group";
    case "allow-ingress":
      return `let in ${describeRules(action.rules)}`;
    case "revoke-ingress":
      return `no longer let in ${describeRules(action.rules)}`;
    case "request-certificate":
      return `request an exportable certificate from ACM for ${action.names.join(", ")} (${dollars(action.price)} now and at each renewal)`;
    case "validate-certificate":
      return "write the records by which ACM validates the certificate";
    case "wait-for-certificate":
      return "wait until ACM has issued the certificate";
    case "delete-certificate":
      return `delete the older ACM certificate for ${action.names.join(", ")}`;
    case "make-secret":
      return `make the secret ${action.name}, at random`;
    case "create-topic":
      return "create the SNS topic by which instances send mail";
    case "delete-topic":
      return "delete the SNS topic by which instances sent mail";
    case "subscribe":
      return `have AWS ask ${action.email} whether to mail there: the link in its mail must be followed`;
    case "unsubscribe":
      return `no longer mail ${action.email}`;
    case "create-budget":
      return `${action.instead ? "replace the AWS budget by one" : "create an AWS budget"} of ${dollars(action.monthly)} a month for the whole account, which mails ${action.email}`;
    case "delete-budget":
      return "delete the AWS budget";
    case "upload-agent":
      return `upload the agent ${action.sha256.slice(0, 12)}`;
    case "publish-release":
      return `publish a first release from ${action.folder}`;
    case "reconfigure-candidate":
      return `have ${action.release} tried again, by machines of the new configuration`;
    case "create-template":
      return `create the launch template with ${action.data.image}`;
    case "create-template-version":
      return `create a new version of the launch template with ${action.data.image}${
        action.made.base === undefined ? "" : ", the site's own image"
      }`;
    case "note-image":
      return `note for the instances what to launch if ${action.image} is gone`;
    case "remove-image":
      return `remove the site's older image ${action.image}`;
    case "create-fleet":
      return `create the spot fleet: 1 of ${types(action.pools)} in ${zones(action.pools)}${atMost(action.ceiling)}`;
    case "create-bridge":
      return `create the fleet for an on-demand instance while there is no spot capacity: 0 for now${atMost(action.ceiling)}`;
    case "replace-fleet":
      return `replace the spot fleet, which cannot be given another limit to its price: 1 of ${types(action.pools)} in ${zones(action.pools)}${atMost(action.ceiling)}; the running instance serves until the new one has the site`;
    case "replace-bridge":
      return `replace the empty fleet for an on-demand instance, which cannot be given another limit to its price${atMost(action.ceiling)}`;
    case "change-bridge":
      return "bridge with the newest launch template from now on";
    case "delete-bridge":
      return `delete the fleet that bridged, ${action.fleet}`;
    case "change-fleet":
      return `from now on launch ${types(action.pools)} in ${zones(action.pools)}, from the newest launch template`;
    case "set-fleet-target":
      return `set the fleet's target to ${action.target}`;
    case "replace-instance":
      return `replace ${action.instance}, which does not come up with version ${action.templateVersion} of the launch template`;
  }
}

const types = (pools: readonly ZonePool[]): string => [...new Set(pools.map((p) => p.type))].join(", ");

const atMost = (ceiling: number | undefined): string =>
  ceiling === undefined ? "" : `, together for $${ceiling} an hour at most`;

const zones = (pools: readonly ZonePool[]): string => [...new Set(pools.map((p) => p.zone))].join(", ");
