import { type Answers, answered, type Question } from "../answers.ts";

/** What the documentation leaves open or contradicts itself about: as AWS answered, or else settable, for both must do. */
export interface FleetHabits {
  /** The error's code when a fleet that is not `active` is to be changed; undefined where the change is taken. */
  notModifiable: string | undefined;
  /**
   * Whether ModifyFleet takes OnDemandTargetCapacity and SpotTargetCapacity: the user guide lists all three capacities,
   * the API answers "Currently we only support total target capacity modification".
   */
  modifiesSplit: boolean;
  /** Whether ModifyFleet takes LaunchTemplateConfigs beside the total. */
  modifiesTemplate: boolean;
  /** Whether a fleet can be created with a target of 0. */
  beginsEmpty: boolean;
  /** By which price MaxTotalPrice counts a spot instance that has no maximum of its own. */
  countsSpotAs: "spot price" | "on-demand price";
}

/** What is played unless AWS or a test says otherwise: mostly the unkinder side of each. */
const unkindHabits: FleetHabits = {
  notModifiable: "IncorrectState",
  modifiesSplit: false,
  modifiesTemplate: true,
  beginsEmpty: true,
  countsSpotAs: "on-demand price",
};

/**
 * Which question settles a habit, what it is by each of its answers, and the sides to be played until it is, beside the
 * unkind one.
 */
interface Contested {
  question: Question;
  by(answer: string, code: string): Partial<FleetHabits>;
  sides: readonly Partial<FleetHabits>[];
}

const contested: readonly Contested[] = [
  {
    question: "split-target",
    by: (answer) => ({ modifiesSplit: answer === "yes" }),
    sides: [{ modifiesSplit: true }],
  },
  {
    question: "template-in-modify",
    by: (answer) => ({ modifiesTemplate: answer !== "no" }),
    sides: [{ modifiesTemplate: false }],
  },
  {
    question: "empty-fleet",
    by: (answer) => ({ beginsEmpty: answer === "yes" }),
    sides: [{ beginsEmpty: false }],
  },
  {
    question: "second-change",
    by: (answer, code) => ({ notModifiable: answer === "accepted" ? undefined : code }),
    sides: [{ notModifiable: undefined }, { notModifiable: "FleetNotInModifiableState" }],
  },
  {
    question: "total-price-counts",
    by: (answer) => ({ countsSpotAs: answer === "spot price" ? answer : "on-demand price" }),
    sides: [{ countsSpotAs: "spot price" }],
  },
];

/** As AWS answered, and unkind where no one asked. */
export function habitsOf(answers: Answers): FleetHabits {
  const habits = { ...unkindHabits };
  for (const { question, by } of contested) {
    const found = answered(answers, question);
    if (found !== undefined) Object.assign(habits, by(found.answer, String(found.facts.code ?? "")));
  }
  return habits;
}

/** The other sides of what no one has asked yet, each with the question that would settle it. */
export const openHabits = (answers: Answers): { question: Question; habits: Partial<FleetHabits> }[] =>
  contested
    .filter(({ question }) => answered(answers, question) === undefined)
    .flatMap(({ question, sides }) => sides.map((habits) => ({ question, habits })));
