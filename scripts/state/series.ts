import { type Command, InvalidArgumentError, Option } from "commander";

/** Things that happen to a site one after the other, in an order that comes of a seed. */
export interface Series {
  seed: number;
  /** Planned changes of owner. */
  handOvers: number;
  /** Things that go wrong. */
  kills: number;
  /** Goes on for so long instead. */
  hours?: number;
  /** Moments of the history that are restored in the end. */
  moments: number;
}

export const number = (text: string): number => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new InvalidArgumentError("not a number");
  return value;
};

/** The options of a series. @param of what, where a program has others as well. */
export function withSeries(program: Command, defaults: Omit<Series, "seed" | "hours">, of = ""): Command {
  return program
    .option("--hand-overs <n>", `${of}planned ones`, number, defaults.handOvers)
    .option("--kills <n>", `${of}things that go wrong: each in its turn`, number, defaults.kills)
    .option("--hours <n>", `${of}goes on for so long instead`, number)
    .option(
      "--moments <n>",
      `${of}moments of the history that are restored in the end`,
      number,
      defaults.moments,
    )
    .addOption(
      new Option("--seed <n>", `${of}to do the same again`)
        .argParser(number)
        .default(Math.floor(Math.random() * 1e6), "any"),
    );
}
