/**
 * The hand-over of a site with `[state]`, step by step (STATE §5). The log decides who may write; site.json only says who
 * is about to, and the records of the domain move last.
 *
 * Nothing here does anything. What an instance has to do next is read off what there is, never remembered: an agent that
 * died at any step goes on where it was.
 */

/** The instance that takes the site over, in this order; as its boot record names them. */
export const TAKING = [
  /** Migrates and asks a copy of what is in the bucket. A failure here makes no visitor wait. */
  "rehearsal",
  /** site.json names it, with an epoch that is higher than all before. */
  "claim",
  /** The instance before is asked to look, and has a moment for its seal. */
  "ask",
  /** The fence, ahead of all that an earlier owner may still write; then what it fences off, onto the disk. */
  "state",
  /** A point to go back to, and `before_start`. */
  "prepare",
  "app",
  "healthy",
  "self-probe",
  /** From here on what visitors write may be acknowledged. */
  "open",
  /** The records, until Route 53 has them everywhere. */
  "ownership",
] as const;

/** The instance that had it. */
export const YIELDING = [
  /** New requests wait; those that run go on. */
  "hold",
  /** The site's own code is ended for good, what it committed is shipped, and the log is sealed. */
  "seal",
  /** The other one is open: what waited goes there, and all that comes. */
  "pass on",
  /** It did not come to be open: site.json names this instance again, with an epoch of its own. */
  "claim back",
  /** Only then it is looked for an `open` of the other one: with none, what that one wrote is taken back. */
  "fence back",
  /** The app, started again and answering. */
  "start",
  "open again",
  /** What waited goes to this instance's app. */
  "let go",
] as const;
export type YieldStep = (typeof YIELDING)[number];

/** What is to be seen on the instance that had the site, and in the bucket. */
export interface Seen {
  /** New requests wait. */
  held: boolean;
  /** The site's own code may not start here. */
  ended: boolean;
  /** The log, as the shipper of this instance has it; undefined: it does not answer. */
  log: "unsealed" | "sealed" | "fenced" | undefined;
  /** A later owner is open: its writes count. */
  opened: boolean;
  /** The other one may not take longer, or is gone. */
  over: boolean;
}

export type Next = "hold" | "seal" | "pass on" | "go back" | "wait";

/** What the instance that had the site has to do next, once another has claimed it or has the log. */
export function nextOf({ held, ended, log, opened, over }: Seen): Next {
  if (!held) return "hold";
  // A later owner is there or not: whoever may still write is ended first.
  if (!ended || log === "unsealed") return "seal";
  if (opened) return "pass on";
  return over ? "go back" : "wait";
}

/** Seconds that the next owner waits for the seal of the one before: what that has not shipped by then is its loss. */
export const SEAL_SECONDS = 5;
/** Seconds in which an instance that claims must come to serve; after that any healthy one may claim. */
export const CLAIM_SECONDS = 120;
/** Seconds that requests under way get to end before the app is asked to. */
export const DRAIN_SECONDS = 2;
