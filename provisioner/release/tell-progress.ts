import type { OnProgress } from "./progress.ts";

/** Turns progress into lines: one whenever the work turns to something else. */
export function tellProgress(say: (text: string) => void): OnProgress {
  let said = "";
  return ({ phase, done, total, detail }) => {
    const count = total === undefined || phase === "zip" || phase === "upload" ? "" : ` ${done} of ${total}`;
    const text = detail === undefined ? phase : `${phase}${count}: ${detail}`;
    if (text !== said) say(`  ${text}`);
    said = text;
  };
}
