import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { EverspotError } from "../site/errors.ts";
import type { Wanted } from "../site/layers.ts";
import { poll } from "../site/poll.ts";
import { run } from "../system/run.ts";

/** Debian's tools, as far as the agent needs them. Only one call at a time may install. */
export interface Debian {
  /** Those of `names` that are not installed. */
  missing(names: readonly string[]): Promise<string[]>;
  /** Brings the .deb files that installing `names` takes into a folder; needs a mirror. @returns file names. */
  download(wanted: Wanted, folder: string, signal?: AbortSignal): Promise<string[]>;
  /** Installs exactly these files of a folder, in the order that they need; starts no service. */
  install(folder: string, files: readonly string[], signal?: AbortSignal): Promise<void>;
}

/** Another program (unattended-upgrades) may be installing. */
const LOCK_SECONDS = 180;
const SECONDS = 600;
const ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", APT_LISTCHANGES_FRONTEND: "none" };
const POLICY = "/usr/sbin/policy-rc.d";

export function createDebian(): Debian {
  let updated = false;

  /** Debian's `certbot.timer` would renew beside the agent (FACTS: it is enabled on install). */
  const quiet = async (install: () => Promise<void>) => {
    await run("systemctl", ["mask", "--quiet", "certbot.timer", "certbot.service"]);
    await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    try {
      await install();
    } finally {
      await rm(POLICY, { force: true });
    }
  };

  return {
    async missing(names) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in.
      const format = "${Package} ${db:Status-Abbrev}\n";
      const { stdout } = await execa("dpkg-query", ["-W", "-f", format, ...names], {
        reject: false,
      });
      const installed = new Set(
        stdout.split("\n").flatMap((line) => (/ ii\s*$/.test(line) ? [line.split(" ")[0]] : [])),
      );
      return names.filter((name) => !installed.has(name));
    },

    async download(wanted, folder, signal) {
      await mkdir(join(folder, "partial"), { recursive: true });
      const apt = (args: readonly string[]) =>
        run("apt-get", ["-q", "-y", "-o", `DPkg::Lock::Timeout=${LOCK_SECONDS}`, ...args], {
          env: ENVIRONMENT,
          seconds: SECONDS,
          hint: "the package mirror must be reachable the first time a machine image is used",
          ...(signal === undefined ? {} : { signal }),
        });
      await run("dpkg", ["--configure", "-a"], { env: ENVIRONMENT, seconds: SECONDS });
      if (!updated) await apt(["-o", "Acquire::Retries=3", "-o", "Acquire::Languages=none", "update"]);
      updated = true;
      const fetch = (names: readonly string[], recommends: boolean) =>
        apt([
          ...["-o", `Dir::Cache::archives=${folder}`, "-o", "APT::Keep-Downloaded-Packages=true"],
          ...["-o", "Acquire::Retries=3", "--fix-broken", "--download-only"],
          ...[recommends ? "--install-recommends" : "--no-install-recommends", "install", ...names],
        ]);
      await fetch(wanted.lean, false);
      if (wanted.full?.length) await fetch(wanted.full, true);
      return (await readdir(folder)).filter((name) => name.endsWith(".deb")).sort();
    },

    async install(folder, files, signal) {
      const paths = files.map((file) => join(folder, file));
      await quiet(async () => {
        await poll(
          "dpkg's lock",
          async () => {
            try {
              // Not to be cut off: half-installed packages are worse than a late end. After a crash the next boot
              // repairs them, so dpkg need not wait for the disk after each file.
              await run("dpkg", ["--force-confold", "--force-unsafe-io", "--install", ...paths], {
                env: ENVIRONMENT,
                seconds: SECONDS,
              });
              return { done: true };
            } catch (error) {
              if (error instanceof EverspotError && /\block\b.*locked by/.test(error.lines.join("\n"))) {
                return { waiting: "another program is installing packages" };
              }
              throw error;
            }
          },
          { seconds: LOCK_SECONDS, everySeconds: 1, ...(signal === undefined ? {} : { signal }) },
        );
      });
    },
  };
}
