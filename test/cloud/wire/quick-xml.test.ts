import fc from "fast-check";
import { expect, test } from "vitest";
import { parseXml, quickXml } from "./quick-xml.ts";

const own = (xml: string): unknown => parseXml.call(undefined, xml);

/** What tells the two apart if anything does: names that objects have anyway, markup in text, empty texts, line ends. */
const name = fc.constantFrom("a", "b", "item", "ns:Key", "length", "constructor", "toString", "entry");
const text = fc.oneof(
  fc.constantFrom("", " ", "\n  ", "&amp;&lt;&#65;&#x41;&none;", "a]]>b", "0", "&", "] >", "ü😀", "\t\n"),
  fc.string().map((s) => s.replace(/[<\r]/g, "")),
);
const attributes = fc
  .uniqueArray(fc.tuple(name, fc.constantFrom("", "1", "http://x/?a=b", "'")), { selector: ([n]) => n })
  .map((pairs) => pairs.map(([n, value]) => ` ${n}="${value}"`).join(""));
const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc
    .tuple(
      name,
      fc.oneof(fc.constant(""), attributes),
      fc.array(fc.oneof(text, tie("tree")), { maxLength: 4 }),
    )
    .map(([n, more, within]) =>
      within.length === 0 ? `<${n}${more}/>` : `<${n}${more}>${within.join("")}</${n}>`,
    ),
}));

test("what it reads is what the SDK's own parser reads", () => {
  fc.assert(
    fc.property(fc.constantFrom("", '<?xml version="1.0" encoding="UTF-8"?>\n', "\n"), tree, (start, xml) => {
      expect(quickXml(start + xml)).toEqual({ content: own(start + xml) });
    }),
    { numRuns: 500 },
  );
});

test.each([
  ["a comment", "<a><!-- b --></a>"],
  ["character data", "<a><![CDATA[<b>]]></a>"],
  ["an instruction", "<a><?b?></a>"],
  ["a type", "<!DOCTYPE a><a/>"],
  ["an attribute with an entity", '<a b="&amp;"/>'],
  ["an attribute in single quotes", "<a b='c'/>"],
  ["line ends of Windows", "<a>\r\n</a>"],
  ["a name of underscores", "<__proto__/>"],
  ["a tag that is closed by another", "<a></b>"],
  ["a tag that is not closed", "<a>"],
  ["half a tag", "<a"],
  ["HTML", "<html><body><hr></body></html>"],
  ["no XML", "Service Unavailable"],
  ["nothing", ""],
])("%s is left to the SDK's own", (_, xml) => {
  expect(quickXml(xml)).toBeUndefined();
});
