import { hostname, userInfo } from "node:os";

/** Who runs this command, for others to read: "ann@laptop", or the page of a GitHub Actions run. */
export function holderOf(env: NodeJS.ProcessEnv): string {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = env;
  if (env.GITHUB_ACTIONS === "true" && server && repository && run) {
    const actor = env.GITHUB_ACTOR ? ` (${env.GITHUB_ACTOR})` : "";
    return `${server}/${repository}/actions/runs/${run}${actor}`;
  }
  return `${user(env)}@${hostname()}`;
}

/** A container's user may have no name. */
function user(env: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username;
  } catch {
    return env.USER ?? "someone";
  }
}
