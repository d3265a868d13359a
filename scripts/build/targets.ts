/** The two bundles: the agent (Node 24, shipped with it) and the CLI (Node 20 or later), one file each. */
import path from "node:path";
import type { BuildOptions } from "esbuild";
import { lazyBuiltins } from "./builtins.ts";
import { givenCredentials } from "./credentials.ts";
import { withoutNotes } from "./notes.ts";
import { versionsOnly } from "./package-files.ts";
import { leanSchemas } from "./schemas.ts";
import { noTransports } from "./transports.ts";

export const root = path.resolve(import.meta.dirname, "../..");

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

export const targets = {
  agent: {
    ...common,
    entryPoints: ["agent/main.ts"],
    outfile: "dist/agent.mjs",
    target: "node24",
    banner: { js: require },
    // S3 tells a missing key and Route 53 a refused batch by what these errors carry.
    plugins: [
      leanSchemas(new Set(["NoSuchKey", "NoSuchBucket", "NotFound", "InvalidChangeBatch"])),
      withoutNotes,
      lazyBuiltins,
      versionsOnly,
      givenCredentials,
      noTransports,
    ],
  },
  /** What keeps a site's state, in processes of its own. */
  state: {
    ...common,
    entryPoints: ["agent/state/main.ts"],
    outfile: "dist/state.mjs",
    target: "node24",
    banner: { js: require },
    plugins: [leanSchemas(new Set(["NoSuchKey"])), withoutNotes, lazyBuiltins],
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
