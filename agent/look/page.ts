/** What an HTML page tells of itself. Pure; markup is read as far as that needs. */

/** As they stand in the page: stylesheets and scripts that it has browsers fetch. */
export function namedFiles(html: string): string[] {
  const visible = html.replace(/<!--[\s\S]*?(?:-->|$)|<(noscript|template)\b[\s\S]*?<\/\1/gi, "");
  return [...visible.matchAll(/<(link|script)\b((?:"[^"]*"|'[^']*'|[^>"'])*)>/gi)].flatMap(
    ([, tag = "", attributes = ""]) => {
      const isStyle = /(?:^|\s)stylesheet(?:\s|$)/i.test(attribute(attributes, "rel") ?? "");
      const name = tag.toLowerCase() === "script" ? "src" : isStyle ? "href" : undefined;
      const reference = name === undefined ? undefined : attribute(attributes, name)?.trim();
      return reference === undefined || reference === "" ? [] : [reference.replaceAll("&amp;", "&")];
    },
  );
}

function attribute(attributes: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, "i").exec(
    attributes,
  );
  return found?.[1] ?? found?.[2] ?? found?.[3];
}

/** Whether it is a page on which Django's DEBUG shows (django/views/templates, technical_404.html and _500.html). */
export const showsDebug = (html: string): boolean =>
  /because you have\s+<code>DEBUG\s*=\s*True<\/code>/.test(html);

/** The path, with its query, of a reference on a page of the site; undefined when it leads elsewhere. */
export function pathWithin(reference: string, page: string, hosts: readonly string[]): string | undefined {
  const base = `https://${hosts[0]}${page}`;
  if (!URL.canParse(reference, base)) return undefined;
  const { protocol, host, pathname, search } = new URL(reference, base);
  return /^https?:$/.test(protocol) && hosts.includes(host) ? pathname + search : undefined;
}
