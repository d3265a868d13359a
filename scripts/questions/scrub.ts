/** Takes out of an answer what belongs to one account: ids, addresses, names. Pure. */

const SHAPES: readonly [RegExp, string][] = [
  [/arn:aws[\w-]*:[^\s"',)]*/g, "(arn)"],
  [/\b(?:AKIA|ASIA|AROA|AIDA|AIPA)[A-Z0-9]{12,}\b/g, "(key)"],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "(id)"],
  [/\b([a-z]{1,8})-[0-9a-f]{8,17}\b/g, "$1-(id)"],
  [/\b\d{12}\b/g, "(account)"],
  [/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, "(address)"],
  [/\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\b/gi, "(address)"],
  [/[\w.+-]+@[\w-]+\.[\w.]+/g, "(mail)"],
];

export const scrubText = (text: string): string =>
  SHAPES.reduce((left, [shape, instead]) => left.replace(shape, instead), text).slice(0, 300);

export const scrub = (
  facts: Readonly<Record<string, string | number | boolean>>,
): Record<string, string | number | boolean> =>
  Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [key, typeof value === "string" ? scrubText(value) : value]),
  );
