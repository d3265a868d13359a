import { XmlShapeDeserializer } from "@aws-sdk/core/protocols";
import { getValueFromTextNode } from "@smithy/core/client";

interface Parser {
  parseXml(xml: string): unknown;
}
const parser = XmlShapeDeserializer.prototype as unknown as Parser;

/** The SDK's own. */
export const { parseXml } = parser;

/**
 * From now on the SDK reads XML from tag to tag. Its own parser goes from one character to the next and puts each text
 * together of them, which takes longer than all else about an answer that is long. What is read is the same
 * (quick-xml.test.ts); whatever is not plain elements and text is left to the SDK's own, errors included.
 */
export function readXmlQuickly(): void {
  parser.parseXml = (xml) => {
    const read = quickXml(xml);
    return read === undefined ? parseXml.call(parser, xml) : read.content;
  };
}

type Value = string | { [name: string]: Value | Value[] };

interface Element {
  tag: string;
  attributes: [string, string][];
  texts: string[];
  children: { tag: string; value: Value }[];
}

const PROLOG = /^[ \t\n]*(?:<\?xml [^>]*\?>[ \t\n]*)?(?=<[A-Za-z])/;
const OPENING = /^([A-Za-z][\w.:-]*)((?:[ \t\n]+[A-Za-z][\w.:-]*="[^"&<>]*")*)[ \t\n]*$/;
const ATTRIBUTE = /([A-Za-z][\w.:-]*)="([^"]*)"/g;

/** What `parseXml` gives of a document; undefined for one that holds more than elements, simple attributes and text. */
export function quickXml(xml: string): { content: unknown } | undefined {
  const start = PROLOG.exec(xml)?.[0].length;
  if (start === undefined || xml.includes("\r")) return undefined;
  const open: Element[] = [];
  let at = start;
  for (;;) {
    const from = xml.indexOf("<", at);
    const to = xml.indexOf(">", from);
    if (from < 0 || to < 0) return undefined;
    const inside = open.at(-1);
    if (from > at) inside?.texts.push(decoded(xml.slice(at, from)));
    at = to + 1;
    let closed: Element | undefined;
    if (xml[from + 1] === "/") {
      if (inside === undefined || xml.slice(from + 2, to) !== inside.tag) return undefined;
      closed = open.pop();
    } else {
      const empty = xml[to - 1] === "/";
      const element = opening(xml.slice(from + 1, empty ? to - 1 : to));
      if (element === undefined) return undefined;
      if (empty) closed = element;
      else open.push(element);
    }
    if (closed === undefined) continue;
    const { tag } = closed;
    const value = readAs(closed);
    const around = open.at(-1);
    if (around === undefined) return { content: contentOf(tag, value) };
    around.children.push({ tag, value });
  }
}

function opening(text: string): Element | undefined {
  const [, tag, attributes] = OPENING.exec(text) ?? [];
  if (tag === undefined) return undefined;
  const pairs: [string, string][] = attributes
    ? [...attributes.matchAll(ATTRIBUTE)].map(([, name = "", value = ""]) => [name, value])
    : [];
  return { tag, attributes: pairs, texts: [], children: [] };
}

const isLayout = (text: string): boolean => text.includes("\n") && text.trim() === "";

function readAs({ attributes, texts, children }: Element): Value {
  if (attributes.length === 0 && children.length === 0) {
    const text = texts.join("");
    return isLayout(text) ? "" : text;
  }
  const value: Exclude<Value, string> = {};
  const text = texts.filter((t) => !isLayout(t));
  if (text.length > 0) value["#text"] = text.join("");
  for (const child of children) {
    if (!(child.tag in value)) {
      value[child.tag] = child.value;
      continue;
    }
    const before = value[child.tag] as Value | Value[];
    if (Array.isArray(before)) before.push(child.value);
    else value[child.tag] = [before, child.value];
  }
  for (const [name, of] of attributes) value[name] = of;
  return value;
}

/** What is in the root element, as the SDK has it. */
function contentOf(tag: string, value: Value): unknown {
  if (typeof value === "object" && value["#text"]) {
    value[tag] = value["#text"];
    delete value["#text"];
  }
  return getValueFromTextNode(value);
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

const decoded = (text: string): string =>
  text.includes("&")
    ? text.replace(
        /&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-zA-Z][a-zA-Z0-9]{0,30}));/g,
        (_, hex?: string, decimal?: string, name = "") =>
          hex !== undefined || decimal !== undefined
            ? String.fromCharCode(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
            : (NAMED[name] ?? ""),
      )
    : text;
