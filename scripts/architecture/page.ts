/** The part of docs/architecture.md that is made from the imports. Pure. */
import { roomRows } from "./draw.ts";
import type { Wing } from "./house.ts";
import type { Plan } from "./rules.ts";

export const PAGE = "docs/architecture.md";
export const pictureOf = (wing: Wing): string => `docs/architecture-${wing.at.replaceAll("/", "-")}.svg`;

const BEGIN = "<!-- made by npm run architecture: from here -->";
const END = "<!-- to here -->";

/** @throws Error when the page has no place for it. */
export function page(
  text: string,
  plans: readonly { wing: Wing; plan: Plan }[],
  entered: readonly string[],
): string {
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${PAGE} lacks ${BEGIN} or ${END}`);
  const wings = plans
    .filter(({ wing }) => wing.floors.length > 0)
    .map(({ wing, plan }) => section(wing, plan));
  const walk = `A call of \`everspot up\` enters ${entered.length} rooms before its first write: ${entered.join(", ")}.`;
  return [before + BEGIN, walk, ...wings, END + after].join("\n\n");
}

function section(wing: Wing, plan: Plan): string {
  const { rooms, arrows, up, circles } = plan;
  const sees = wing.sees.map((s) => `\`${s}\``).join(", ");
  return [
    `### \`${wing.at}/\``,
    "",
    `${rooms.length} rooms on ${wing.floors.length} floors, ${arrows.length} arrows, ${up.length} of them back up, ${circles.length} circles. It sees ${sees}.`,
    "",
    ...(wing.drawn === true
      ? [`![The rooms of ${wing.at}/](${pictureOf(wing).replace("docs/", "")})`, ""]
      : []),
    "| floor | room | what it answers |",
    "|-:|-|-|",
    ...roomRows(wing),
  ].join("\n");
}
