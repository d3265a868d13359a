/** Bundles the agent (Node 24, shipped with it) and the CLI (Node 20 or later) into dist/, one file each. */
import { chmod, stat } from "node:fs/promises";
import path from "node:path";
import { type BuildOptions, build } from "esbuild";
import { lazyBuiltins } from "./build/builtins.ts";
import { leanSchemas } from "./build/schemas.ts";
import { withoutUnused } from "./build/unused.ts";

const root = path.resolve(import.meta.dirname, "..");
const leftOut = (name: string) => path.join(root, "scripts/build/left-out", name);

/** Bytes. More slows the boot and would mean that something got in that does not belong. */
const AGENT_LIMIT = 700 * 1024;

/** Bundled CommonJS modules call `require` for Node's own. */
const require =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/** The SDK warns of Node versions that later ones of its releases will need; this bundle has the one it was tested with. */
const quiet = 'process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";';

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  format: "esm",
  platform: "node",
  mainFields: ["module", "main"],
  minify: true,
  legalComments: "none",
  logLevel: "warning",
};

const targets = {
  agent: {
    ...common,
    entryPoints: ["agent/main.ts"],
    outfile: "dist/agent.mjs",
    target: "node24",
    banner: { js: require },
    // S3 tells a missing key and Route 53 a refused batch by what these errors carry.
    plugins: [
      leanSchemas(new Set(["NoSuchKey", "NoSuchBucket", "NotFound", "InvalidChangeBatch"])),
      withoutUnused,
      lazyBuiltins,
    ],
    alias: {
      "@aws-sdk/credential-provider-node": leftOut("default-credentials.ts"),
      "@smithy/core/event-streams": leftOut("event-streams.ts"),
      "safe-stable-stringify": leftOut("circular.ts"),
      "thread-stream": leftOut("threads.ts"),
      figures: leftOut("figures.ts"),
    },
  },
  everspot: {
    ...common,
    entryPoints: ["provisioner/main.ts"],
    outfile: "dist/everspot.mjs",
    target: "node20",
    banner: { js: `#!/usr/bin/env node\n${require}\n${quiet}` },
    plugins: [leanSchemas()],
  },
} satisfies Record<string, BuildOptions>;

const wanted = process.argv.slice(2);
for (const [name, options] of Object.entries(targets)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await build(options);
  const file = path.join(root, options.outfile);
  const { size } = await stat(file);
  process.stdout.write(`${options.outfile}  ${Math.ceil(size / 1024)} KB\n`);
  if (name === "everspot") await chmod(file, 0o755);
  if (name === "agent" && size > AGENT_LIMIT) {
    throw new Error(`the agent has ${size} bytes, ${AGENT_LIMIT} are allowed`);
  }
}
