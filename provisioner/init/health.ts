/** The page that tells whether the app is well. Pure. */
import type { Facts } from "../project/facts.ts";

/** Where the project could not be tried: what most projects have. */
export function guessedHealth(facts: Facts | undefined): string {
  if (facts?.login?.startsWith("/") === true && facts.login !== "/accounts/login/") return facts.login;
  return facts?.apps.some((app) => /(^|\.)admin(\.|$)/.test(app)) === true ? "/admin/login/" : "/";
}

/** Paths of which one may answer 200, the best first. */
export function healthPaths(facts: Facts | undefined): string[] {
  const login = facts?.login?.startsWith("/") === true ? [facts.login] : [];
  const health = [
    "/healthz",
    "/healthz/",
    "/health",
    "/health/",
    "/healthcheck",
    "/healthcheck/",
    "/up",
    "/up/",
    "/ping",
    "/ping/",
    "/ht/",
  ];
  return [NO_SUCH_PAGE, ...health, "/", ...login, "/login/", "/accounts/login/", "/admin/login/"];
}

/** What answers 200 here does so everywhere. */
export const NO_SUCH_PAGE = "/everspot-no-such-page";
