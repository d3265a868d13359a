import type { Plugin } from "esbuild";

/** What execa prints of each command where it is asked to. */
const PRINTS: Readonly<Record<string, string>> = {
  "default.js": "export const defaultVerboseFunction = ({ message }) => message;",
  "complete.js": "export const logResult = () => {};",
};

/** Leaves out how execa prints commands, with icons, colours and times: the agent never asks for it. */
export const noVerbose: Plugin = {
  name: "no-verbose",
  setup(build) {
    build.onLoad({ filter: /[\\/]execa[\\/]lib[\\/]verbose[\\/](default|complete)\.js$/ }, ({ path }) => ({
      contents: PRINTS[path.split(/[\\/]/).at(-1) ?? ""] ?? "",
      loader: "js",
    }));
  },
};
