/**
 * A name as Route 53 keeps and answers it: lower case, with the trailing dot, and everything but a-z 0-9 - _ . as `\`
 * and three octal digits (developer guide, "DNS domain name format"). Escapes already there stay.
 */
export function escapeName(name: string): string {
  const absolute = name.endsWith(".") ? name : `${name}.`;
  return absolute.replace(/\\[0-7]{3}|[^a-zA-Z0-9_.-]/g, escapeOne).toLowerCase();
}

const escapeOne = (piece: string): string => {
  if (piece.length === 4) {
    const character = String.fromCharCode(Number.parseInt(piece.slice(1), 8));
    return /[a-zA-Z0-9_-]/.test(character) ? character : piece;
  }
  return [...Buffer.from(piece, "utf8")].map((b) => `\\${b.toString(8).padStart(3, "0")}`).join("");
};

/** The other way round, without the trailing dot: as a resolver writes the name. */
export const plainName = (escaped: string): string =>
  escaped
    .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    .replace(/\.$/, "");

/** "www.example.com." as "com.example.www.": the order of names in every listing. */
export const reversed = (escaped: string): string => {
  const labels = escaped.replace(/\.$/, "").split(".").reverse();
  return `${labels.join(".")}.`;
};

export const isWithin = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);

/** Each label at most 63 octets, the whole name at most 255 (RFC 1035 §2.3.4). */
export function isName(escaped: string): boolean {
  const labels = plainName(escaped).split(".");
  return labels.every((label) => label.length >= 1 && label.length <= 63) && plainName(escaped).length <= 253;
}
