/** In which forms a secret can appear in what a program prints. Pure. */

/** A shorter value would take ordinary words out of every message. */
export const SHORTEST = 6;
/** The shortest line that counts, in a secret with several, such as a PEM key. */
const SHORTEST_LINE = 16;

/**
 * The secret itself and what a log, a traceback or an error page makes of it: percent, form, HTML, JSON, Python, shell,
 * hex and base64 encodings. Empty for one that is too short to be looked for.
 */
export function formsOf(secret: string): string[] {
  return [...new Set(partsOf(secret).flatMap(encodingsOf))].filter((form) => form.length >= SHORTEST);
}

/** What gives the secret away by itself: the password of a URL, each line of a key. */
function partsOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE && !/^-----/.test(line));
  const parts = [secret, secret.trim(), ...(lines.length > 1 ? lines : []), ...passwordOf(secret)];
  return parts.filter((part) => part.length >= SHORTEST);
}

function passwordOf(secret: string): string[] {
  if (!URL.canParse(secret)) return [];
  const { password } = new URL(secret);
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

function encodingsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const percent = encodeURIComponent(text);
  // Python's quote() escapes what JavaScript leaves, and leaves the slash.
  const python = percent.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const percents = [percent, python, python.replaceAll("%2F", "/")];
  const json = inner(text);
  return [
    text,
    ...percents.flatMap((p) => [p, p.replace(/%../g, (c) => c.toLowerCase()), p.replaceAll("%20", "+")]),
    json,
    inner(json),
    json.replaceAll("/", "\\/"),
    asciiOnly(json),
    ...["&#x27;", "&#39;", "'"].map((quote) => html(text, quote)),
    pythonText(text),
    asciiOnly(pythonText(text)),
    asciiOnly(pythonText(text)).replace(/\\u00(..)/g, "\\x$1"),
    pythonBytes(bytes),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...["base64", "base64url"].flatMap((encoding) => base64(bytes, encoding as "base64")),
  ];
}

const inner = (text: string): string => JSON.stringify(text).slice(1, -1);

const asciiOnly = (text: string): string =>
  text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

const html = (text: string, quote: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", quote);

/** As Python's repr() of a str, between its quotes. */
const pythonText = (text: string): string =>
  text
    .replaceAll("\\", "\\\\")
    .replaceAll("'", "\\'")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");

/** As Python's repr() of bytes. */
const pythonBytes = (bytes: Buffer): string =>
  [...bytes]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f
        ? pythonText(String.fromCharCode(byte))
        : `\\x${byte.toString(16).padStart(2, "0")}`,
    )
    .join("");

/** What of the text is the same whatever stands before and behind it, for each place in a group of three bytes. */
function base64(bytes: Buffer, encoding: "base64" | "base64url"): string[] {
  return [0, 1, 2].map((before) => {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
      .toString(encoding)
      .replace(/=+$/, "");
    const uncertain = (before + bytes.length) % 3 === 0 ? 0 : 1;
    return encoded.slice(before === 0 ? 0 : before + 1, encoded.length - uncertain);
  });
}
