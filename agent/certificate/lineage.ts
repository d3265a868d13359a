/**
 * certbot's configuration folder (DESIGN §10). Of what lies in the bucket only the ACME accounts are taken over, as
 * plain JSON at places of certbot's own; everything else is written here. certbot runs as root, and what it finds in
 * renewal/*.conf and renewal-hooks/ it executes: a machine that someone else controlled must not leave that to the next.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Lineage } from "../site/certificates.ts";
import { EverspotError } from "../site/errors.ts";

type Entry = Lineage["entries"][number];

/** certbot's name for our certificate; one name whatever the domains, so that paths never change. */
export const LINEAGE_NAME = "everspot";

/** accounts/<server>/<path>/<id>/<file>.json */
const ACCOUNT = /^accounts((?:\/[A-Za-z0-9._:-]+)+)\/([A-Za-z0-9]+)\/(?:private_key|regr|meta)\.json$/;

/** What a certificate's lineage is made from. */
export interface LineageOf {
  lineage: Lineage;
  /** PEM. */
  key: string;
  /** PEM, leaf first. */
  chain: string;
  /** ACME directory URL. */
  directory: string;
}

/** Reads the accounts. certbot makes everything else again with the next certificate. */
export async function packAccounts(root: string): Promise<Lineage> {
  const entries: Entry[] = [];
  await collect(root, "accounts", entries);
  return { root, entries };
}

async function collect(root: string, path: string, entries: Entry[]): Promise<void> {
  const full = join(root, path);
  const stat = await lstat(full).catch(() => undefined);
  if (stat?.isDirectory()) {
    for (const name of (await readdir(full)).sort()) await collect(root, join(path, name), entries);
  } else if (stat?.isFile() && isAccount(path)) {
    entries.push({ path, mode: stat.mode & 0o777, text: await readFile(full, "utf8") });
  }
}

const isAccount = (path: string): boolean =>
  ACCOUNT.test(path) && !path.split("/").some((part) => part === "." || part === "..");

/** Writes the folder afresh, with the accounts alone; its previous contents are gone. */
export async function restoreAccounts(root: string, lineage: Lineage): Promise<void> {
  await replace(root, (fresh) => writeAccounts(fresh, lineage));
}

/**
 * Writes the folder afresh, so that certbot knows the certificate and can renew it.
 * @param hook our own, for "auth" and for "cleanup".
 * @throws EverspotError when the certificate's directory is not a URL.
 */
export async function restoreLineage(
  root: string,
  { lineage, key, chain, directory }: LineageOf,
  hook: (what: "auth" | "cleanup") => string,
): Promise<void> {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(directory)) {
    throw new EverspotError(`a stored certificate names no ACME directory: ${JSON.stringify(directory)}`);
  }
  const [leaf = "", ...issuers] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
  const files = { privkey: key, cert: leaf, chain: issuers.join(""), fullchain: chain };
  await replace(root, async (fresh) => {
    await writeAccounts(fresh, lineage);
    const live = join("live", LINEAGE_NAME);
    const archive = join("archive", LINEAGE_NAME);
    for (const folder of [live, archive, "renewal"])
      await mkdir(join(fresh, folder), { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(fresh, archive, `${name}1.pem`), text, { mode: 0o600 });
      await symlink(join("../..", archive, `${name}1.pem`), join(fresh, live, `${name}.pem`));
    }
    const account = accountOf(lineage, directory);
    const lines = [
      `archive_dir = ${join(root, archive)}`,
      ...Object.keys(files).map((name) => `${name} = ${join(root, live, `${name}.pem`)}`),
      "[renewalparams]",
      ...(account === undefined ? [] : [`account = ${account}`]),
      ...["authenticator = manual", "pref_challs = dns-01,", "key_type = ecdsa", `server = ${directory}`],
      ...[`manual_auth_hook = ${hook("auth")}`, `manual_cleanup_hook = ${hook("cleanup")}`, ""],
    ];
    await writeFile(join(fresh, "renewal", `${LINEAGE_NAME}.conf`), lines.join("\n"), { mode: 0o600 });
  });
}

/** certbot keeps the accounts of a directory below its host and path. */
function accountOf(lineage: Lineage, directory: string): string | undefined {
  const place = directory.replace(/^https?:\/\//, "/").replace(/\/$/, "");
  return lineage.entries.map(({ path }) => ACCOUNT.exec(path)).find((match) => match?.[1] === place)?.[2];
}

async function writeAccounts(root: string, { entries }: Lineage): Promise<void> {
  for (const entry of entries) {
    if (!isAccount(entry.path) || "link" in entry || !isJson(entry.text)) continue;
    const full = join(root, entry.path);
    const mode = entry.path.endsWith("private_key.json") ? 0o400 : 0o600;
    // Names that clash or are too long must not keep the site from a certificate, which then has no account.
    await mkdir(dirname(full), { recursive: true, mode: 0o700 })
      .then(() => writeFile(full, entry.text, { mode }))
      .catch(() => undefined);
  }
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/** Folders are 0700. */
async function replace(root: string, write: (fresh: string) => Promise<void>): Promise<void> {
  const fresh = `${root}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  await write(fresh);
  await rm(root, { recursive: true, force: true });
  await rename(fresh, root);
}
