import type { WatchEvent } from "./events.ts";

/** What is done about an event, by its kind. What is not here is only recorded. */
export type Reactions = {
  [K in WatchEvent["kind"]]?: (event: Extract<WatchEvent, { kind: K }>) => void | Promise<void>;
};

export async function react(event: WatchEvent, reactions: Reactions): Promise<void> {
  const reaction = reactions[event.kind] as ((event: WatchEvent) => void | Promise<void>) | undefined;
  await reaction?.(event);
}
