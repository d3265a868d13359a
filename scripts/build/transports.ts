import type { Plugin } from "esbuild";

const CONTENTS = `module.exports = class {
  constructor() {
    throw new Error("the agent's log has no transports");
  }
};`;

/** Leaves out what pino's transports run in: the agent has none. */
export const noTransports: Plugin = {
  name: "no-transports",
  setup(build) {
    build.onResolve({ filter: /^thread-stream$/ }, ({ path }) => ({ path, namespace: "none" }));
    build.onLoad({ filter: /.*/, namespace: "none" }, () => ({ contents: CONTENTS, loader: "js" }));
  },
};
