/** Time zones that Debian 13 has in a package of their own, tzdata-legacy: names that are no "Continent/City". Pure. */
const CONTINENTS = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific";
const PLACE = new RegExp(`^(?:${CONTINENTS})/`);

/** @returns today's name of a zone that has an old one, undefined for any other text. */
export function modernZone(name: string): string | undefined {
  if (PLACE.test(name) || name === "UTC" || name === "GMT") return undefined;
  try {
    const { timeZone } = new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions();
    return PLACE.test(timeZone) || timeZone === "UTC" ? timeZone : undefined;
  } catch {
    return undefined;
  }
}

const SETTING =
  /^[ \t]*TIME_ZONE[ \t]*=[^\n#]*?["']([A-Za-z_+-]+(?:\/[\w+-]+)*)["'][ \t]*\)*[ \t]*(?:#.*)?$/gm;

/** The zone that a settings module names last; that of a default, too. */
export const zoneIn = (settings: string): string | undefined => [...settings.matchAll(SETTING)].at(-1)?.[1];
