import { isIPv4 } from "node:net";
import type { Metadata } from "../ports/metadata.ts";
import { EverspotError } from "../site/errors.ts";

/** What the metadata service says this machine is. Addresses are IPv4. */
export interface Identity {
  instance: string;
  type: string;
  /** It was launched from this one. */
  image: string;
  /** The image its disk began as, where that is another one: see origin.ts. */
  base?: string;
  /** The machine that its disk is a copy of. */
  copyOf?: string;
  zone: string;
  address: string;
  privateAddress: string;
  lifeCycle: string;
  /** Version of the launch template that it was launched by; undefined where the metadata service does not tell. */
  template?: number;
}

/** @throws EverspotError when a value is missing or not of its form: nonsense must not reach a DNS record. */
export async function readIdentity(metadata: Metadata): Promise<Identity> {
  const read = async (path: string, valid: RegExp | ((text: string) => boolean)): Promise<string> => {
    const text = (await metadata.get(`meta-data/${path}`))?.trim();
    if (text === undefined) {
      throw new EverspotError(`the metadata service knows no ${path}`, {
        retry: "retry",
        hint:
          path === "public-ipv4"
            ? "the instance has no public IPv4 address: check the launch template"
            : undefined,
      });
    }
    if (!(valid instanceof RegExp ? valid.test(text) : valid(text))) {
      throw new EverspotError(
        `the metadata service answered ${path} with ${JSON.stringify(text.slice(0, 80))}`,
        {
          retry: "retry",
        },
      );
    }
    return text;
  };
  const [instance, type, image, zone, address, privateAddress, lifeCycle] = await Promise.all([
    read("instance-id", /^i-[0-9a-f]{8,17}$/),
    read("instance-type", /^[a-z0-9-]+\.[a-z0-9-]+$/),
    read("ami-id", /^ami-[0-9a-f]{8,17}$/),
    read("placement/availability-zone", /^[a-z0-9-]+$/),
    read("public-ipv4", isIPv4),
    read("local-ipv4", isIPv4),
    read("instance-life-cycle", /^[a-z-]+$/),
  ]);
  const template = await templateVersion(metadata);
  return { instance, type, image, zone, address, privateAddress, lifeCycle, ...(template && { template }) };
}

/** A tag that EC2 sets (EC2 user guide, "Tag your launch templates"); the template lets the service show tags. */
const TEMPLATE_TAG = "meta-data/tags/instance/aws:ec2launchtemplate:version";

async function templateVersion(metadata: Metadata): Promise<number | undefined> {
  const text = (await metadata.get(TEMPLATE_TAG))?.trim() ?? "";
  return /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}
