import { Browser } from "./browser.ts";

export interface Admin {
  user: string;
  password: string;
}

/** What a visitor found. */
export interface Visit {
  /** Pages that were opened, each with the status it ended with: "/ 200". */
  pages: string[];
  /** Of this site, that its pages name. */
  assets: string[];
  login: "works" | "no admin" | "refused";
  /** For a person; empty when the site is as it should be. */
  problems: string[];
}

const ADMIN = "/admin/";
const UNKNOWN = "/there-is-no-such-page/";
/** Enough to meet each of a few workers. */
const LOOKS = 12;
const DEBUG = /You.re seeing this error because you have|DEBUG\s*=\s*True/;

/** Opens pages of a site with all that they name, looks for a page that is not there, and logs in. Never throws. */
export async function visitSite(
  host: string,
  ca: Buffer,
  paths: readonly string[],
  admin: Admin,
): Promise<Visit> {
  const visit: Visit = { pages: [], assets: [], login: "no admin", problems: [] };
  const browser = new Browser(host, ca);
  try {
    for (const path of new Set(["/", ...paths, ADMIN])) await openPage(browser, path, visit);
    const unknown = await browser.open(UNKNOWN);
    visit.pages.push(`${UNKNOWN} ${unknown.status}`);
    if (unknown.status >= 500) visit.problems.push(`an unknown page answers ${unknown.status}`);
    if (DEBUG.test(unknown.text)) visit.problems.push("an unknown page shows that DEBUG is on");
    await logIn(new Browser(host, ca), admin, visit);
  } catch (error) {
    visit.problems.push(`no answer: ${(error as Error).message}`);
  }
  return visit;
}

async function openPage(browser: Browser, path: string, visit: Visit): Promise<void> {
  const page = await browser.open(path);
  visit.pages.push(`${path} ${page.status}`);
  if (page.status >= 500 || page.status === 400) visit.problems.push(`${path} answers ${page.status}`);
  if (!page.type.startsWith("text/html") || page.status !== 200) return;
  const named = assetsOf(page.text).flatMap((reference) => browser.within(reference, page.path) ?? []);
  for (const asset of new Set(named)) {
    if (visit.assets.includes(asset)) continue;
    visit.assets.push(asset);
    const { status } = await browser.open(asset);
    if (status !== 200) visit.problems.push(`${path} names ${asset}, which answers ${status}`);
  }
}

/** Whether files that a page named are still there. */
export async function missing(host: string, ca: Buffer, assets: readonly string[]): Promise<string[]> {
  const browser = new Browser(host, ca);
  const answers = await Promise.all(assets.map((asset) => browser.open(asset)));
  return answers.filter((a) => a.status !== 200).map((a) => `${a.path} answers ${a.status}`);
}

/** Stylesheets, scripts and images. */
export function assetsOf(html: string): string[] {
  return [...html.replace(/<!--[\s\S]*?-->/g, "").matchAll(/<(link|script|img)\b([^>]*)>/gi)].flatMap(
    ([, tag = "", attributes = ""]) => {
      const value = (name: string) =>
        new RegExp(`\\b${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>]+))`, "i")
          .exec(attributes)
          ?.slice(1)
          .find((found) => found !== undefined);
      const isStyle = /\b(stylesheet|icon|manifest)\b/i.test(value("rel") ?? "");
      const reference = tag.toLowerCase() === "link" ? (isStyle ? value("href") : undefined) : value("src");
      return reference === undefined || /^(data:|#|$)/.test(reference)
        ? []
        : [reference.replaceAll("&amp;", "&")];
    },
  );
}

async function logIn(browser: Browser, { user, password }: Admin, visit: Visit): Promise<void> {
  const page = await browser.open(ADMIN);
  const token = /name=["']csrfmiddlewaretoken["'] value=["']([^"']+)/.exec(page.text)?.[1];
  if (page.status !== 200 || token === undefined || !/type=["']password["']/.test(page.text)) return;
  const fields = {
    csrfmiddlewaretoken: token,
    username: user,
    login: user,
    email: user,
    password,
  };
  const sent = await browser.ask(page.path, { ...fields, next: ADMIN });
  if (sent.status !== 302) {
    visit.login = "refused";
    visit.problems.push(`the admin's login answers ${sent.status}`);
    return;
  }
  for (let i = 0; i < LOOKS; i++) {
    const { status, location } = await browser.ask(ADMIN);
    if (status === 200) continue;
    visit.login = "refused";
    visit.problems.push(`logged in, ${ADMIN} answers ${status} ${location ?? ""} at the ${i + 1}. request`);
    return;
  }
  visit.login = "works";
}
