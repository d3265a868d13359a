/** What holds of the imports: every room looks downwards only, and into what its wing may see. Pure. */
import type { Wing } from "./house.ts";
import type { Import } from "./imports.ts";

/** An arrow from room to room, with the imports it is made of. */
export interface Arrow {
  from: string;
  to: string;
  imports: Import[];
}

export interface Plan {
  /** Names of the rooms that there are, sorted. */
  rooms: string[];
  arrows: Arrow[];
  /** Those that do not lead to a lower floor. */
  up: Arrow[];
  circles: string[][];
}

/** The wing that a file belongs to: the one with the longest path. */
export const wingOf = (house: readonly Wing[], file: string): Wing | undefined =>
  house.filter((w) => file.startsWith(`${w.at}/`)).sort((a, b) => b.at.length - a.at.length)[0];

/** A loose file is the door of the room of its name, or a room by itself. */
export function roomOf(wing: Wing, file: string): string {
  if (wing.floors.length === 0) return "";
  return (file.slice(wing.at.length + 1).split("/")[0] ?? "").replace(/\.ts$/, "");
}

/** Counted from the ground, which is 1; undefined for a room that is not written down. */
export function floorOf(wing: Wing, room: string): number | undefined {
  const at = wing.floors.findIndex((floor) => room in floor);
  return at < 0 ? undefined : wing.floors.length - at;
}

/** The rooms and arrows inside one wing. */
export function planOf(
  house: readonly Wing[],
  wing: Wing,
  files: readonly string[],
  imports: readonly Import[],
): Plan {
  const inside = (file: string) => wingOf(house, file) === wing;
  const arrows = new Map<string, Arrow>();
  for (const one of imports) {
    if (!inside(one.from) || !inside(one.to)) continue;
    const [from, to] = [roomOf(wing, one.from), roomOf(wing, one.to)];
    if (from === to) continue;
    const arrow = arrows.get(`${from} ${to}`) ?? { from, to, imports: [] };
    arrow.imports.push(one);
    arrows.set(`${from} ${to}`, arrow);
  }
  const all = [...arrows.values()].sort((a, b) => (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1));
  const downwards = ({ from, to }: Arrow) => (floorOf(wing, to) ?? 0) < (floorOf(wing, from) ?? 0);
  return {
    rooms: [...new Set(files.filter(inside).map((file) => roomOf(wing, file)))].sort(),
    arrows: all,
    up: all.filter((arrow) => !downwards(arrow)),
    circles: circles(all),
  };
}

/** Groups in which everybody reaches everybody (Tarjan), sorted. */
export function circles(edges: readonly { from: string; to: string }[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const seen = new Map<string, { index: number; low: number; open: boolean }>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): { index: number; low: number; open: boolean } => {
    const own = { index: seen.size, low: seen.size, open: true };
    seen.set(node, own);
    stack.push(node);
    for (const to of next.get(node) ?? []) {
      const other = seen.get(to);
      if (other === undefined) own.low = Math.min(own.low, visit(to).low);
      else if (other.open) own.low = Math.min(own.low, other.index);
    }
    if (own.low !== own.index) return own;
    const group = stack.splice(stack.indexOf(node));
    for (const member of group) {
      const state = seen.get(member);
      if (state !== undefined) state.open = false;
    }
    if (group.length > 1) found.push(group.sort());
    return own;
  };
  for (const node of next.keys()) if (!seen.has(node)) visit(node);
  return found.sort((a, b) => ((a[0] ?? "") < (b[0] ?? "") ? -1 : 1));
}

/** Everything that is not as the house is written down, a sentence each. */
export function faults(
  house: readonly Wing[],
  files: readonly string[],
  imports: readonly Import[],
): string[] {
  return [
    ...imports.flatMap((one) => seamFault(house, one)),
    ...house.flatMap((wing) => wingFaults(house, wing, files, imports)),
    ...circles(imports).map((files) => `these files import each other in a circle: ${files.join(", ")}`),
  ];
}

function seamFault(house: readonly Wing[], { from, to }: Import): string[] {
  const [wing, other] = [wingOf(house, from), wingOf(house, to)];
  if (wing === undefined || wing === other) return [];
  const may = wing.sees.some((seen) => to === seen || to.startsWith(`${seen}/`) || other?.at === seen);
  return may ? [] : [`${from} imports ${to}, which ${wing.at}/ may not see`];
}

function wingFaults(
  house: readonly Wing[],
  wing: Wing,
  files: readonly string[],
  imports: readonly Import[],
): string[] {
  const own = files.filter((file) => wingOf(house, file) === wing);
  const plan = planOf(house, wing, files, imports);
  const written = wing.floors.flatMap((floor) => Object.keys(floor));
  const perFolder = new Map<string, number>();
  for (const file of own) {
    const folder = file.slice(0, file.lastIndexOf("/"));
    perFolder.set(folder, (perFolder.get(folder) ?? 0) + 1);
  }
  return [
    ...plan.rooms
      .filter((room) => room !== "" && !written.includes(room))
      .map((room) => `${wing.at}/${room} is on no floor of the house`),
    ...written
      .filter((room) => !plan.rooms.includes(room))
      .map((room) => `${wing.at}/${room} is on a floor of the house, and not there`),
    ...plan.up
      .filter(({ from, to }) => floorOf(wing, from) !== undefined && floorOf(wing, to) !== undefined)
      .flatMap((arrow) => arrow.imports)
      .map(({ from, to }) => `${from} imports ${to}, which is not below it`),
    ...[...perFolder]
      .filter(([, count]) => wing.most !== undefined && count > wing.most)
      .map(([folder, count]) => `${folder}/ has ${count} files, more than ${wing.most}`),
    ...own
      .filter((file) => wing.loose !== undefined && file.split("/").length === wing.at.split("/").length + 1)
      .filter((file) => wing.loose?.includes(file.slice(wing.at.length + 1)) === false)
      .map((file) => `${file} lies outside of any room`),
  ];
}
