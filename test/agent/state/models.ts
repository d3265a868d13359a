import type { Model } from "../ownership/interleave.ts";
import {
  type Bend,
  cleaning,
  goingBack,
  goingBackBlindly,
  restarting,
  straight,
  taking,
  writer,
  writing,
} from "./actors.ts";
import { keyOf, labelOf, outcomes, visible, type World, type WorldCall, worldOf } from "./world.ts";

type LogModel = Model<World, WorldCall>;

/** Not `expect`: these run some hundred thousand times. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** Whatever happens: who reads the log sees every write that was acknowledged, and nothing that does not follow. */
function nothingLost(_: World, world: World): void {
  const { seen } = visible(world);
  const lost = world.acknowledged.filter((name) => !seen.has(name));
  must(lost.length === 0, `acknowledged and gone: ${lost.join()}`);
}

const model = (initial: World, actors: LogModel["actors"], end: LogModel["end"] = () => {}): LogModel => ({
  ...{ actors, initial, outcomes, end },
  ...{ label: labelOf, key: keyOf, step: nothingLost },
});

const owner = writer(1);
const owned = worldOf([
  { kind: "fence", ...owner },
  { kind: "open", ...owner },
]);
const place = visible(owned).place;

/** Somebody is the last who was open, unless two who took it at once stood down for each other. */
export const twoTakers = (bend: Bend = straight, writes = ["1a", "1b"]): LogModel =>
  model(
    owned,
    {
      zombie: writing(owner, place, writes, bend),
      second: taking(writer(2), ["2a"], bend),
      third: taking(writer(3), ["3a"], bend),
    },
    (_, results) => must(results.get("third") === "wrote", "the latest taker has the log"),
  );

const sealed = worldOf([
  { kind: "fence", ...owner },
  { kind: "open", ...owner },
  { kind: "data", ...owner, media: [{ name: "1a", sha256: "0".repeat(64), size: 1 }] },
  { kind: "seal", ...owner },
]);
const sealedPlace = visible(sealed).place;

/** A swap: the old owner is sealed, the new one may be slow, dead or alive, and the old one goes back. */
export const swap = (change: { blindly?: true; careless?: true } = {}): LogModel => {
  const back = change.blindly ? goingBackBlindly : goingBack;
  return model(change.careless ? { ...sealed, careless: true } : sealed, {
    new: change.careless ? silent(taking(writer(2), ["2a"])) : taking(writer(2), ["2a"]),
    old: back(writer(3), sealedPlace, ["3a"]),
  });
};

/** It serves without having said so in the log. */
const silent =
  (run: LogModel["actors"][string]): LogModel["actors"][string] =>
  (ask) =>
    run(async (call) =>
      call.op === "create" && labelOf(call).startsWith("open") ? { value: {} } : ask(call),
    );

export const restart = (bend: Bend = straight): LogModel =>
  model(owned, { owner: restarting(owner, place, 3, bend) }, (world, results) => {
    must(results.get("owner") === 3, "the one and only owner goes on");
    must(visible(world).frames === 3, "every frame is in the log");
  });

export const cleanUp = (rules?: { fences: boolean }): LogModel =>
  model(owned, {
    zombie: writing(owner, place, ["1a"]),
    new: cleaning(writer(2), rules),
  });
