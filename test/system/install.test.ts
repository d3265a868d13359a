/** everspot as others get it: one command after a clone, or a tarball; then with nothing else beside it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import zlib from "node:zlib";
import { EC2 } from "@aws-sdk/client-ec2";
import { S3 } from "@aws-sdk/client-s3";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Desk, MINIMAL, openDesk } from "../provisioner/site.ts";
import { cloneTo, noRegistry, offline, versionHere } from "./clone.ts";
import { type Outside, startOutside } from "./outside.ts";

let folder: string;
let desk: Desk;
let outside: Outside;
const at = (...names: string[]) => path.join(folder, ...names);

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-install-"));
  await cloneTo(at("clone"));
  desk = await openDesk();
  outside = await startOutside(folder, desk.dns.address, "blog.example.com");
});
afterAll(async () => {
  await desk?.close();
  outside?.close();
  rmSync(folder, { recursive: true, force: true });
});

const install = (what: string, prefix: string, env: Record<string, string>) =>
  execa("npm", ["install", "--global", "--prefix", at(prefix), what], { cwd: at("clone"), env });

test("one command in a fresh clone puts a working everspot on the PATH", async () => {
  await install(".", "linked", offline);
  const { stdout } = await execa(at("linked/bin/everspot"), ["--version"], { cwd: folder });
  expect(stdout).toBe(await versionHere());
});

test("a tarball holds all that runs and nothing to build or to fetch, and works with no clone beside it", async () => {
  const packed = await execa("npm", ["pack", "--json"], { cwd: at("clone"), env: offline });
  const [{ filename, files }] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf("[\n")));
  const names = files.map((file: { path: string }) => file.path).sort();
  expect(names.filter((name: string) => !name.startsWith("user-data/units/"))).toEqual([
    "LICENSE",
    "README.md",
    "agent/state/wrapper/everspot_state.py",
    "agent/state/wrapper/everspot_uploads.py",
    "agent/state/wrapper/sitecustomize.py",
    "dist/agent.mjs",
    "dist/everspot.mjs",
    "dist/state.mjs",
    "package.json",
    "provisioner/everspot.example.toml",
    "provisioner/everspot.schema.json",
    "provisioner/project/python/ask.py",
    "provisioner/project/python/read.py",
    "user-data/bootstrap.sh",
  ]);
  expect(names).toContain("user-data/units/everspot.service");
  await execa("mv", [at("clone", filename), at("everspot.tgz")]);
  rmSync(at("clone"), { recursive: true });
  mkdirSync(at("clone"));
  await install(at("everspot.tgz"), "installed", noRegistry);
  const { stdout } = await execa(at("installed/bin/everspot"), ["--version"], { cwd: folder });
  expect(stdout).toBe(await versionHere());
  await up(at("installed/bin/everspot"));
});

/** What an instance needs of the package comes into the site: agent, units, bootstrap.sh. */
async function up(everspot: string): Promise<void> {
  const project = at("project");
  mkdirSync(project);
  // Debian's Django: no registry is in reach.
  writeFileSync(path.join(project, "everspot.toml"), `${MINIMAL}\n[image]\npackages = ["python3-django"]\n`);
  writeFileSync(path.join(project, "manage.py"), "print('a project')\n");
  mkdirSync(path.join(project, "blog"));
  writeFileSync(path.join(project, "blog/wsgi.py"), "application = print\n");
  const env = { NODE_OPTIONS: outside.options, ...desk.cloud.env, ...noRegistry };
  await execa(everspot, ["up", "--yes", "--no-wait"], { cwd: project, env });

  const s3 = new S3({ region: "us-east-1", endpoint: desk.cloud.endpoint, forcePathStyle: true });
  const Bucket = "everspot-blog-123456789012-us-east-1";
  const { Contents: [agent] = [] } = await s3.listObjectsV2({ Bucket, Prefix: "agent/" });
  const { Body, ContentEncoding } = await s3.getObject({ Bucket, Key: agent?.Key });
  const packedAgent = (await Body?.transformToByteArray()) ?? "";
  // As the CLI's Node can: Node 20 has no zstd.
  const tar =
    ContentEncoding === "zstd"
      ? zlib.zstdDecompressSync(packedAgent)
      : zlib.brotliDecompressSync(packedAgent);
  for (const name of ["node", "agent.mjs", "state.mjs", "units/everspot.service"])
    expect(tar.includes(`${name}\0`)).toBe(true);
  s3.destroy();
  const ec2 = new EC2({ region: "us-east-1", endpoint: desk.cloud.endpoint });
  const { LaunchTemplateVersions: [template] = [] } = await ec2.describeLaunchTemplateVersions({
    Versions: ["$Latest"],
    LaunchTemplateName: "everspot-blog",
  });
  const userData = Buffer.from(template?.LaunchTemplateData?.UserData ?? "", "base64").toString();
  expect(userData).toContain(agent?.Key?.slice("agent/".length, "agent/".length + 64));
  ec2.destroy();
}
