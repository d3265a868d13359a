/** How a project's secret key comes about, which only starting it with other values tells. */
import type { Started } from "./ask.ts";
import type { Facts } from "./facts.ts";
import { standInsFor } from "./stand-ins.ts";
import type { Request, Workspace } from "./workspace.ts";

export async function refined(
  facts: Facts,
  started: Started | undefined,
  workspace: Workspace,
  known: Pick<Request, "env"> & Partial<Pick<Request, "settings" | "wsgi">>,
): Promise<Facts> {
  if (started?.answer.facts === undefined || facts.secret.kind === "variable") return facts;
  const request = (names: readonly string[]) => {
    const standIns = {
      ...started.standIns,
      ...Object.fromEntries(names.map((n) => [n, standInsFor(`${n}_SECRET`, "")[0] ?? ""])),
    };
    return {
      ...{ settings: known.settings, wsgi: known.settings === undefined ? known.wsgi : undefined, do: [] },
      ...{ env: { ...standIns, ...known.env }, given: Object.keys(standIns) },
    };
  };
  const candidates = started.answer.reads
    .map(([name]) => name)
    .filter(
      (name, i, all) =>
        /SECRET|KEY/i.test(name) &&
        !/^AWS_|PUBLIC/.test(name) &&
        all.indexOf(name) === i &&
        !(name in known.env),
    );
  const likely = candidates.filter((name) => /SECRET/i.test(name));
  for (const names of [candidates, ...likely.map((name) => [name])]) {
    if (names.length === 0) continue;
    const answer = await workspace.ask(started.interpreter, request(names), 60);
    if (answer?.facts?.secret.kind === "variable") return { ...facts, secret: answer.facts.secret };
    if (answer?.facts !== undefined) break;
  }
  if (facts.secret.kind !== "own") return facts;
  const again = await workspace.ask(started.interpreter, request([]), 60);
  const other = again?.facts?.secret.sha256;
  return other === undefined || other === facts.secret.sha256
    ? facts
    : { ...facts, secret: { kind: "random" } };
}
