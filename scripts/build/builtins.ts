import type { Plugin } from "esbuild";

/**
 * Takes Node's HTTP modules as they are, not as ES modules: that would read each of their exports at once, and one of
 * them (`WebSocket`) brings Node's whole fetch(), 30 ms and 8 MB that nobody asked for.
 */
export const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup(build) {
    build.onResolve({ filter: /^(?:node:)?https?$/ }, ({ path }) => ({ path, namespace: "builtin" }));
    build.onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};
