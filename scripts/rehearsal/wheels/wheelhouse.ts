/** Wheels of Django and gunicorn, out of Debian's packages: no package index is needed. */
import { copyFile, cp, mkdir } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { poll } from "../../../agent/site/poll.ts";
import type { RealCloud } from "../../../test/cloud/real.ts";
import { endInstance, launchInstance } from "./instance.ts";

const PACKAGES = [
  "python3-django",
  "python3-gunicorn",
  "python3-asgiref",
  "python3-sqlparse",
  "python3-packaging",
];

/** What the site installs; the other wheels are what these need. */
export const REQUIREMENTS = ["Django", "gunicorn"];

/** Makes the wheels on an instance of their Debian, which is gone afterwards, and puts them into a folder. */
export async function makeWheelhouse(cloud: RealCloud, folder: string): Promise<void> {
  const { machines } = cloud;
  const instance = await launchInstance(cloud);
  try {
    await poll(
      `${instance} to run`,
      async () => (machines.leader(instance) === undefined ? { waiting: "off" } : { done: true }),
      { seconds: 60, everySeconds: 0.1 },
    );
    const inside = path.join(machines.disk(instance), "root");
    await copyFile(path.join(import.meta.dirname, "wheels.py"), path.join(inside, "wheels.py"));
    const run = async (script: string) => {
      const done = await machines.exec(instance, "sh", ["-ec", script]);
      if (done.exitCode === 0) return;
      throw new EverspotError("the wheels of Django and gunicorn could not be made", {
        lines: `${done.stdout}\n${done.stderr}`.trim().split("\n").slice(-10),
        hint: "the Debian mirror must be reachable",
      });
    };
    await run(
      `mkdir /root/wheels && cd /root && apt-get -qq update && apt-get -qq download ${PACKAGES.join(" ")}`,
    );
    await run("cd /root && python3 wheels.py wheels ./*.deb");
    await mkdir(folder, { recursive: true });
    await cp(path.join(inside, "wheels"), folder, { recursive: true });
  } finally {
    endInstance(cloud, instance);
  }
}
