import { execa } from "execa";
import { EverspotError } from "../site/errors.ts";
import { APP_FOLDER, APP_USER, STATE_USER } from "../system/paths.ts";
import { run } from "../system/run.ts";

interface User {
  uid: number;
  gid: number;
}

/** The user the site's code runs as; made when missing. */
export const ensureAppUser = (): Promise<User> =>
  ensureUser(APP_USER, ["--user-group", "--home-dir", APP_FOLDER]);

/** The user that keeps what the site writes, in the group of the site's code; made when missing. */
export async function ensureStateUser(): Promise<User> {
  await ensureAppUser();
  return ensureUser(STATE_USER, ["--gid", APP_USER, "--home-dir", "/var/lib/everspot-state"]);
}

async function ensureUser(name: string, how: readonly string[]): Promise<User> {
  const found = await lookUp(name);
  if (found !== undefined) return found;
  await run("useradd", ["--system", ...how, "--no-create-home", "--shell", "/usr/sbin/nologin", name]);
  const made = await lookUp(name);
  if (made === undefined) throw new EverspotError(`the user ${name} could not be made`);
  return made;
}

async function lookUp(name: string): Promise<User | undefined> {
  const { stdout, exitCode } = await execa("getent", ["passwd", name], { reject: false });
  const [, , uid, gid] = stdout.split(":");
  return exitCode === 0 ? { uid: Number(uid), gid: Number(gid) } : undefined;
}
