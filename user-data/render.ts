/** What goes into the launch template as user data. */
import { readFileSync } from "node:fs";
import { EverspotError } from "../agent/site/errors.ts";
import { type BootConfig, bootConfig } from "./boot-config.ts";

/** Bytes, before base64 (EC2 user guide, "Run commands when you launch an EC2 instance with user data input"). */
export const USER_DATA_LIMIT = 16 * 1024;

const BOUNDARY = "everspot-user-data";

/**
 * cloud-init user data whose one part is bootstrap.sh with this configuration inside. The type makes
 * cloud-init run it at every boot (cloud-init documentation, "User-data formats"). Same input, same bytes.
 * @throws EverspotError when it would be too big for EC2, or a value could not stand in a shell script.
 */
export function renderUserData(config: BootConfig): Buffer {
  const script = renderBootstrap(config);
  const text = `Content-Type: multipart/mixed; boundary="${BOUNDARY}"
MIME-Version: 1.0

--${BOUNDARY}
Content-Type: text/x-shellscript-per-boot; charset="us-ascii"
Content-Disposition: attachment; filename="everspot"

${script}
--${BOUNDARY}--
`;
  const rendered = Buffer.from(text, "utf8");
  if (rendered.length > USER_DATA_LIMIT) {
    throw new EverspotError(
      `the user data has ${rendered.length} bytes, EC2 allows ${USER_DATA_LIMIT}: shorten everspot.toml by ${rendered.length - USER_DATA_LIMIT}`,
      { hint: "long lists belong in the app: [app] env, before_start and [image] packages are what grows" },
    );
  }
  return rendered;
}

/** bootstrap.sh as it runs on the instance. */
export function renderBootstrap(config: BootConfig): string {
  const values: Record<string, string> = {
    BUCKET: word(config.bucket, "bucket"),
    REGION: word(config.region, "region"),
    AGENT: word(config.agent, "agent"),
    ACCOUNT: word(config.account, "account"),
    // AWS China has a domain of its own (AWS documentation, "Amazon S3 endpoints and quotas").
    SUFFIX: config.region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com",
    BOOT_CONFIG: asciiJson(bootConfig.parse(config)),
  };
  const template = readFileSync(new URL("../user-data/bootstrap.sh", import.meta.url), "utf8");
  return template.replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`bootstrap.sh names @${name}@, which is unknown`);
    return value;
  });
}

/** Stands between single quotes. */
function word(value: string, name: string): string {
  if (/^[a-z0-9][a-z0-9.-]*$/.test(value)) return value;
  throw new EverspotError(`${JSON.stringify(value)} cannot be the ${name} of a site`);
}

/** One line of printable ASCII that begins with `{`: it can neither end the here-document nor a MIME part. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
