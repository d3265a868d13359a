/**
 * npm's `prepare`: what `npm install --global .`, `npm pack` and `npm install` in a clone need before the rest is
 * npm's. Installs node_modules from the lockfile if they are not there (npm links a folder without doing so), and
 * builds dist/. On stderr, for the stdout of `npm pack` is its answer.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { forFolder, modulesFit } from "./modules.mjs";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 12)) {
  process.stderr.write(`everspot needs Node.js 20.12 or later; this is ${process.versions.node}\n`);
  process.exit(1);
}

const root = path.resolve(import.meta.dirname, "../..");

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env: forFolder(process.env),
    stdio: ["ignore", process.stderr, process.stderr],
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!modulesFit(root)) {
  // npm says where it lies to the scripts it runs.
  const npm = process.env.npm_execpath;
  const args = ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund"];
  if (npm === undefined) run("npm", args);
  else run(process.execPath, [npm, ...args]);
}
run(process.execPath, ["--import", "./node_modules/tsx/dist/loader.mjs", "scripts/build.ts"]);
