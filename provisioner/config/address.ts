import type { SiteConfig } from "./site-config.ts";

/** Where visitors see a page of the site: at the name that the others lead to, if they do. */
export const addressOf = ({ domain, app }: SiteConfig, path = "/"): string =>
  `https://${app.redirectTo ?? domain}${path}`;
