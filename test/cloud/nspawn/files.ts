import type { Machine } from "../machines.ts";

/** What makes an instance this one, and what points it at the local AWS by standard settings alone. */
export interface Surroundings {
  /** Port of the instance's metadata service, on the instance's own address. */
  imdsPort: number;
  /** The machine's apt goes through it. */
  proxy: string;
  aptSettings: Readonly<Record<string, string>>;
  /** Environment of every unit. No credentials: an instance has those from its metadata service. */
  environment: Readonly<Record<string, string>>;
  /** PEM, trusted in addition to the system's certificates. */
  certificates: string;
}

export const bundlePath = "/etc/ssl/certs/rehearsal.pem";

/** As EC2 names hosts after their private address. */
export const hostnameOf = (address: string) => `ip-${address.replaceAll(".", "-")}`;

export const imdsEndpoint = (machine: Machine, around: Surroundings) =>
  `http://${machine.address}:${around.imdsPort}`;

/** The environment of everything that runs in the instance. */
export function environmentOf(machine: Machine, around: Surroundings): Record<string, string> {
  return {
    ...around.environment,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: imdsEndpoint(machine, around),
    AWS_CA_BUNDLE: bundlePath,
    REQUESTS_CA_BUNDLE: bundlePath,
    NODE_EXTRA_CA_CERTS: bundlePath,
  };
}

/**
 * Files written into the instance's disk before every boot (its address may have changed), by absolute path.
 * @param systemBundle the image's own trusted certificates.
 */
export function filesOf(
  machine: Machine,
  around: Surroundings,
  systemBundle: string,
): Record<string, string> {
  const hostname = hostnameOf(machine.address);
  const cloud = {
    datasource_list: ["Ec2"],
    datasource: {
      Ec2: { metadata_urls: [imdsEndpoint(machine, around)], strict_id: false, max_wait: 10, timeout: 5 },
    },
    network: { config: "disabled" },
    ssh_genkeytypes: [],
  };
  const apt = { "Acquire::http::Proxy": around.proxy, ...around.aptSettings };
  return {
    "/etc/hostname": `${hostname}\n`,
    "/etc/hosts": `127.0.0.1 localhost\n${machine.address} ${hostname}\n`,
    "/etc/resolv.conf": "nameserver 127.0.0.1\n",
    // JSON is YAML, but ds-identify reads datasource_list by line.
    "/etc/cloud/cloud.cfg.d/99-rehearsal.cfg": Object.entries(cloud)
      .map(
        ([name, value]) =>
          `${name}: ${JSON.stringify(value).replaceAll('"Ec2"]', "Ec2]").replaceAll('["Ec2', "[Ec2")}\n`,
      )
      .join(""),
    "/etc/systemd/system.conf.d/rehearsal.conf": `[Manager]\n${defaultEnvironment(environmentOf(machine, around))}\n`,
    "/etc/apt/apt.conf.d/99rehearsal": Object.entries(apt)
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(""),
    "/etc/systemd/system/rehearsal-hypervisor.service": hypervisorUnit,
    "/etc/systemd/system/sysinit.target.d/rehearsal.conf": "[Unit]\nWants=rehearsal-hypervisor.service\n",
    [bundlePath]: `${systemBundle.trimEnd()}\n${around.certificates.trimEnd()}\n`,
  };
}

/**
 * Puts a hypervisor's uuid that begins with "ec2" where programs look for it (EC2 user guide, "Detect whether a
 * host is an EC2 instance"): without one cloud-init takes the machine for some other cloud and uses IMDSv1.
 * Nothing can be created in sysfs, so /sys becomes a directory with sysfs's own entries and one more; the change
 * is one mount, because systemd looks for its control groups there all the time.
 */
const hypervisorUnit = `[Unit]
DefaultDependencies=no
Before=cloud-init-local.service cloud-init-main.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec '\\
  mkdir /run/sys; mount -t tmpfs -o mode=755 sys /run/sys; \\
  for entry in /sys/*; do mkdir /run$$entry; mount --rbind $$entry /run$$entry; done; \\
  mkdir /run/sys/hypervisor; echo ec2e1916-9099-7caf-fd21-012345abcdef >/run/sys/hypervisor/uuid; \\
  mount -o remount,ro /run/sys; mount --make-rprivate /run/sys; \\
  mount --rbind /run/sys /sys; umount --lazy /run/sys; rmdir /run/sys'
`;

/** systemd-system.conf(5): quoted assignments; "%" starts a specifier. */
export function defaultEnvironment(environment: Readonly<Record<string, string>>): string {
  const quoted = Object.entries(environment).map(
    ([name, value]) =>
      `"${name}=${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%")}"`,
  );
  return `DefaultEnvironment=${quoted.join(" ")}`;
}
