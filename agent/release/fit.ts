import type { BootConfig } from "../../user-data/boot-config.ts";
import type { ReleaseManifest } from "../site/documents/release-manifest.ts";
import { EverspotError } from "../site/errors.ts";

/** What a machine can run. */
export interface Platform {
  /** "3.13" */
  python: string;
  arch: "x86_64" | "arm64";
}

/** Python of Debian's python3 package (packages.debian.org). */
const PYTHON = { "debian-12": "3.11", "debian-13": "3.13" } as const;

/** @throws EverspotError on any other processor. */
export function platformOf(os: BootConfig["image"]["os"], nodeArch: string): Platform {
  const arch = { x64: "x86_64", arm64: "arm64" } as const;
  if (nodeArch !== "x64" && nodeArch !== "arm64") {
    throw new EverspotError(`everspot does not run on ${nodeArch} processors`);
  }
  return { python: PYTHON[os], arch: arch[nodeArch] };
}

/** @throws EverspotError (fatal) when the release was made for another Python or processor. */
export function checkFit(manifest: ReleaseManifest, platform: Platform): void {
  const resource = `release ${manifest.id}`;
  if (manifest.python !== undefined && manifest.python !== platform.python) {
    throw new EverspotError(
      `its dependencies are for Python ${manifest.python}, this machine has Python ${platform.python}`,
      { resource, hint: "deploy again so that they are packed for the image in everspot.toml ([image] os)" },
    );
  }
  if (manifest.arch !== undefined && manifest.arch !== platform.arch) {
    throw new EverspotError(
      `it carries code compiled for ${manifest.arch}, this machine is ${platform.arch}`,
      { resource, hint: "deploy again so that it is packed for [fleet] arch in everspot.toml" },
    );
  }
}
