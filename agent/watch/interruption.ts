import * as z from "zod/mini";
import type { Metadata } from "../ports/metadata.ts";
import { EverspotError } from "../site/errors.ts";
import type { WatchEvent } from "./events.ts";
import type { Watcher } from "./loop.ts";

/** EC2 documents both paths; they answer 404 until there is something to say. Polled as AWS recommends: every 5 s. */
const ACTION = "meta-data/spot/instance-action";
const REBALANCE = "meta-data/events/recommendations/rebalance";

const time = z.pipe(
  z.iso.datetime(),
  z.transform((text) => Date.parse(text)),
);
const action = z.object({ action: z.enum(["terminate", "stop", "hibernate"]), time });
const rebalance = z.object({ noticeTime: time });

/** Notices that AWS will take this instance, or considers it likely. Each notice is reported once. */
export function interruptionWatcher(metadata: Metadata): Watcher {
  const reported = new Set<string>();
  const read = async <T>(path: string, schema: z.core.$ZodType<T>): Promise<T | undefined> => {
    const text = await metadata.get(path);
    if (text === undefined || reported.has(path + text)) return undefined;
    const parsed = z.safeParse(schema, jsonOf(text));
    if (!parsed.success) {
      throw new EverspotError(
        `the metadata service answered ${path} with ${JSON.stringify(text.slice(0, 80))}`,
      );
    }
    reported.add(path + text);
    return parsed.data;
  };
  return {
    name: "interruption",
    everySeconds: 5,
    async look() {
      const events: WatchEvent[] = [];
      const notice = await read(ACTION, action);
      if (notice !== undefined) events.push({ kind: "interruption", ...notice });
      const advice = await read(REBALANCE, rebalance);
      if (advice !== undefined) events.push({ kind: "rebalance", time: advice.noticeTime });
      return events;
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
