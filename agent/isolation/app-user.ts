import { execa } from "execa";
import { EverspotError } from "../site/errors.ts";
import { APP_USER } from "../system/paths.ts";
import { run } from "../system/run.ts";

/** The user the site's code runs as; made when missing. */
export async function ensureAppUser(): Promise<{ uid: number; gid: number }> {
  const found = await lookUp();
  if (found !== undefined) return found;
  await run("useradd", [
    "--system",
    "--user-group",
    "--no-create-home",
    "--home-dir",
    "/var/lib/everspot-app",
    "--shell",
    "/usr/sbin/nologin",
    APP_USER,
  ]);
  const made = await lookUp();
  if (made === undefined) throw new EverspotError(`the user ${APP_USER} could not be made`);
  return made;
}

async function lookUp(): Promise<{ uid: number; gid: number } | undefined> {
  const { stdout, exitCode } = await execa("getent", ["passwd", APP_USER], { reject: false });
  const [, , uid, gid] = stdout.split(":");
  return exitCode === 0 ? { uid: Number(uid), gid: Number(gid) } : undefined;
}
