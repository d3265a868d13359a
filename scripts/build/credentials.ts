import type { Plugin } from "esbuild";

const CONTENTS = `export const defaultProvider = () => async () => {
  throw new Error("the agent's clients are given the credentials of the instance's role");
};`;

/**
 * Leaves out where the SDK's clients look for credentials by themselves (profiles, SSO, web identity: a tenth of the
 * bundle): every client of the agent is given those of the instance's role, see agent/aws/credentials.ts.
 */
export const givenCredentials: Plugin = {
  name: "given-credentials",
  setup(build) {
    build.onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, ({ path }) => ({
      ...{ path, namespace: "given" },
    }));
    build.onLoad({ filter: /.*/, namespace: "given" }, () => ({ contents: CONTENTS }));
  },
};
