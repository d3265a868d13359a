/** Who the fence record says may move the site's records (DESIGN §8). */
export interface Fence {
  epoch: number;
  owner: string;
}

export const formatFence = (fence: Fence): string => `everspot epoch=${fence.epoch} owner=${fence.owner}`;

/** Undefined for any text we did not write. */
export function parseFence(text: string): Fence | undefined {
  const match = /^everspot epoch=(\d{1,15}) owner=(\S+)$/.exec(text);
  return match ? { epoch: Number(match[1]), owner: match[2] ?? "" } : undefined;
}
