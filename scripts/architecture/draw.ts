/** The rooms of a wing as a picture: floors from the roof down, an arrow for who looks into whom. Pure. */
import { escapeXml, tag } from "../rehearsal/report/svg.ts";
import type { Wing } from "./house.ts";
import { type Arrow, floorOf, type Plan } from "./rules.ts";

const WIDTH = 960;
const FLOOR = 84;
const ROOM = 32;
const MARGIN = 24;
const GAP = 28;

interface Box {
  x: number;
  y: number;
  width: number;
}

/**
 * SVG that is the same as long as rooms and arrows are. Arrows that others imply (a room's way to one below leads
 * through a third) are faint.
 */
export function drawWing(wing: Wing, plan: Plan): string {
  const boxes = placed(wing, plan);
  const height = wing.floors.length * FLOOR + MARGIN;
  const implied = new Set(plan.arrows.filter((arrow) => isImplied(arrow, plan.arrows)));
  const faint = plan.arrows.filter((a) => implied.has(a) && !plan.up.includes(a));
  const plain = plan.arrows.filter((a) => !implied.has(a) && !plan.up.includes(a));
  const lines = [
    ...faint.map((a) => arrow(a, boxes, "#dde3ea", 1)),
    ...plain.map((a) => arrow(a, boxes, "#7f93a8", 1.4)),
    ...plan.up.map((a) => arrow(a, boxes, "#d0342c", 2)),
  ];
  const rooms = [...boxes].map(([name, box]) => room(name, box));
  return `${tag(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${WIDTH} ${height}`,
      width: WIDTH,
      height,
      role: "img",
      "aria-label": `The rooms of ${wing.at}/, from the roof down`,
      "font-family": "system-ui, sans-serif",
      "font-size": 15,
    },
    [
      "",
      tag("rect", { width: WIDTH, height, rx: 12, fill: "#ffffff" }),
      ...lines.filter((line) => line !== ""),
      ...rooms,
      "",
    ].join("\n"),
  )}\n`;
}

/** Floors are as the house has them; on one, rooms stand by the middle of those above that look into them. */
function placed(wing: Wing, plan: Plan): Map<string, Box> {
  const boxes = new Map<string, Box>();
  for (const [index, floor] of wing.floors.entries()) {
    const names = Object.keys(floor).filter((name) => plan.rooms.includes(name));
    const wish = (name: string): number => {
      const above = plan.arrows.flatMap((a) => (a.to === name ? (boxes.get(a.from) ?? []) : []));
      return above.length === 0
        ? WIDTH / 2
        : above.reduce((sum, box) => sum + box.x + box.width / 2, 0) / above.length;
    };
    const widths = new Map(names.map((name) => [name, Math.max(72, name.length * 8.5 + 24)]));
    const total = [...widths.values()].reduce((sum, width) => sum + width, 0);
    const gap =
      names.length < 2 ? 0 : Math.max(GAP, Math.min(150, (WIDTH - 2 * MARGIN - total) / names.length));
    // Even floors lean to the left and odd ones to the right, so that a long arrow does not hide behind rooms.
    const lean = names.length > 3 ? 0 : index % 2 === 0 ? -60 : 60;
    let x = (WIDTH - total - gap * (names.length - 1)) / 2 + lean;
    for (const name of [...names].sort((a, b) => wish(a) - wish(b) || (a < b ? -1 : 1))) {
      const width = widths.get(name) ?? 0;
      boxes.set(name, { x: Math.round(x), y: MARGIN + index * FLOOR, width: Math.round(width) });
      x += width + gap;
    }
  }
  return boxes;
}

function arrow({ from, to }: Arrow, boxes: Map<string, Box>, color: string, width: number): string {
  const [a, b] = [boxes.get(from), boxes.get(to)];
  if (a === undefined || b === undefined) return "";
  const [x1, y1] = [a.x + a.width / 2, a.y + ROOM];
  const [x2, y2] = [b.x + b.width / 2, b.y];
  const bend = Math.max(20, Math.abs(y2 - y1) / 2);
  const path = `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  return tag(
    "path",
    { d: path, fill: "none", stroke: color, "stroke-width": width },
    tag("title", {}, escapeXml(`${from} → ${to}`)),
  );
}

const room = (name: string, { x, y, width }: Box): string =>
  tag(
    "g",
    {},
    tag("rect", { x, y, width, height: ROOM, rx: 6, fill: "#eef4fb", stroke: "#2f5d8a" }) +
      tag("text", { x: x + width / 2, y: y + 21, "text-anchor": "middle", fill: "#10273d" }, escapeXml(name)),
  );

/** Whether there is a longer way from the one room to the other. */
function isImplied(arrow: Arrow, arrows: readonly Arrow[]): boolean {
  const seen = new Set<string>();
  const reach = (room: string): boolean => {
    if (room === arrow.to) return true;
    if (seen.has(room)) return false;
    seen.add(room);
    return arrows.some((a) => a.from === room && a !== arrow && reach(a.to));
  };
  return reach(arrow.from);
}

/** Rooms from the roof down, as rows of a table. */
export const roomRows = (wing: Wing): string[] =>
  wing.floors.flatMap((floor) =>
    Object.entries(floor).map(
      ([name, says]) => `| ${floorOf(wing, name)} | \`${wing.at}/${name}\` | ${says} |`,
    ),
  );
