/**
 * Explores every order in which the calls of several actors can reach the services, and what may become of each call.
 *
 * An actor is its own code: what it does is settled by the replies it has had, so each history of replies is run once
 * and remembered. A run is carried on with the first reply that is tried at its place; for each other one the actor is
 * run from the start again. The services' state is a value that is
 * never changed in place. Two ways that lead to the same histories over the same state go on in the same way, so only
 * the first is followed; no run of an actor can reach anything of another.
 */

/** What an actor is told: plain data. */
export type Reply = { value: unknown } | { error: { name: string; message: string; status?: number } };

/** Runs an actor to its end. `call` answers as the exploration decides, and must be all it waits for. */
export type Actor<C> = (call: (request: C) => Promise<Reply>) => Promise<unknown>;

/** What one call may come to. `late`: the caller gave up, but the call still arrives some time. */
export interface Outcome<S> {
  fate: string;
  state: S;
  reply: Reply;
  late?: boolean;
}

export interface Model<S, C> {
  actors: Readonly<Record<string, Actor<C>>>;
  initial: S;
  /** The first is the ordinary one, which costs nothing; each of the others is one disturbance. */
  outcomes(state: S, call: C): readonly Outcome<S>[];
  label(call: C): string;
  key(state: S): string;
  /** Called for every step. @throws to fail the exploration. */
  step(before: S, after: S): void;
  /** Called when every actor has ended. `results`: what each returned. @throws to fail the exploration. */
  end(state: S, results: ReadonlyMap<string, unknown>): void;
}

interface Position<C> {
  waiting: ReadonlyMap<number, C>;
  ended: { result: unknown } | undefined;
}

/**
 * The replies an actor has had (numbers in their table), by the number of the call. Their order does not count: an actor waits for all it
 * asks at once.
 */
type History = ReadonlyMap<number, number>;
/** The reply by which a history is longer than another one. */
interface Last {
  before: number;
  index: number;
  reply: number;
}

/** What one holds is small; of those that nobody has carried on for long nobody will. */
const RUNS_KEPT = 1_000;

interface Node {
  /** Numbers of state, histories and late calls in their tables: equal numbers, equal things. */
  state: number;
  histories: readonly number[];
  late: readonly number[];
  disturbed: number;
  story: Story | undefined;
}
interface Story {
  line: string;
  before: Story | undefined;
}

/** Numbers things by a key of theirs. */
class Table<T> {
  readonly #numbers = new Map<string, number>();
  readonly #things: T[] = [];
  number(key: string, thing: T): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#things.length);
    return this.#things.push(thing) - 1;
  }
  at(number: number): T {
    const thing = this.#things[number];
    if (thing === undefined) throw new Error(`nothing has the number ${number}`);
    return thing;
  }
}

interface NumberedOutcome {
  fate: string;
  state: number;
  reply: number;
  late: boolean;
}

/** @returns how many different states were seen. @throws what the model threw, with the steps that led there. */
export async function explore<S, C>(model: Model<S, C>, disturbances: number): Promise<number> {
  const { start, moves } = explorer(model, disturbances);
  const known = new Set<string>();
  const stack: Node[] = [];
  const enter = (node: Node): void => {
    const key = `${node.state} ${node.histories.join()} ${node.late.join()} ${node.disturbed}`;
    if (known.has(key)) return;
    known.add(key);
    stack.push(node);
  };
  enter(start);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const next of await moves(node)) enter(next);
  }
  return known.size;
}

/**
 * Some orders of those that are too many to go through, each to its end.
 * @param random from 0 to 1. @returns how many steps were taken. @throws as explore does.
 */
export async function wander<S, C>(
  model: Model<S, C>,
  disturbances: number,
  walks: number,
  random: () => number,
): Promise<number> {
  const { start, moves } = explorer(model, disturbances);
  let steps = 0;
  for (let i = 0; i < walks; i++) {
    let node = start;
    let last = -1;
    for (;;) {
      const all = await moves(node);
      if (all.length === 0) break;
      const here = node;
      const actorOf = (one: Node) => one.histories.findIndex((history, n) => history !== here.histories[n]);
      const some = (from: Node[], chance: number, fits: (one: Node) => boolean): Node[] => {
        const those = from.filter(fits);
        return those.length > 0 && random() < chance ? those : from;
      };
      // Whoever is at it mostly goes on: what is wrong shows when another slept for long.
      const plain = some(all, 0.9, (one) => one.disturbed === here.disturbed);
      const from = some(plain, 0.85, (one) => actorOf(one) === last);
      const next = from[Math.floor(random() * from.length)] ?? all[0];
      if (next === undefined) break;
      last = actorOf(next);
      node = next;
      steps++;
    }
  }
  return steps;
}

/** The steps of a model: what can come after a node. */
function explorer<S, C>(
  model: Model<S, C>,
  disturbances: number,
): { start: Node; moves(node: Node): Promise<Node[]> } {
  const names = Object.keys(model.actors);
  const states = new Table<S>();
  const calls = new Table<{ actor: string; call: C; label: string }>();
  const replies = new Table<Reply>();
  const histories = new Table<{ actor: string; replies: History; last?: Last }>();
  const positions = new Map<number, Position<number>>();
  /** Runs that stand where a history has led them, and may go on from there; the newest of them. */
  const runs = new Map<number, Run<C>>();
  const outcomesOf = new Map<string, NumberedOutcome[]>();
  const checked = new Set<string>();

  const historyOf = (actor: string, had: History, last?: Last): number => {
    const key = [...had].map(([index, reply]) => `${index}:${reply}`).sort();
    return histories.number(`${actor} ${key.join()}`, { actor, replies: had, ...(last && { last }) });
  };

  const longer = new Map<string, number>();
  const withReply = (history: number, index: number, reply: number): number => {
    const key = `${history} ${index} ${reply}`;
    const known = longer.get(key);
    if (known !== undefined) return known;
    const { actor, replies: had } = histories.at(history);
    const made = historyOf(actor, new Map(had).set(index, reply), { before: history, index, reply });
    longer.set(key, made);
    return made;
  };

  async function positionOf(history: number): Promise<Position<number>> {
    const known = positions.get(history);
    if (known !== undefined) return known;
    const { actor, replies: had, last } = histories.at(history);
    const before = last && runs.get(last.before);
    if (last) runs.delete(last.before);
    const run = before ?? new Run(actor, model.actors[actor]);
    const news = before && last ? [[last.index, last.reply] as const] : [...had];
    const { waiting, ended } = await run.on(
      news.map(([index, reply]) => [index, replies.at(reply)] as const),
    );
    if (ended === undefined) runs.set(history, run);
    const [oldest] = runs.keys();
    if (runs.size > RUNS_KEPT && oldest !== undefined) runs.delete(oldest);
    const numbered = [...waiting].map(([index, call]): [number, number] => [
      index,
      calls.number(`${actor} ${JSON.stringify(call)}`, { actor, call, label: model.label(call) }),
    ]);
    const position = { waiting: new Map(numbered), ended };
    positions.set(history, position);
    return position;
  }

  function outcomes(state: number, call: number): NumberedOutcome[] {
    const key = `${state} ${call}`;
    const known = outcomesOf.get(key);
    if (known !== undefined) return known;
    const found = model.outcomes(states.at(state), calls.at(call).call).map((o) => ({
      fate: o.fate,
      state: states.number(model.key(o.state), o.state),
      reply: replies.number(JSON.stringify(o.reply), o.reply),
      late: o.late === true,
    }));
    outcomesOf.set(key, found);
    return found;
  }

  const made = (from: Node, next: Omit<Node, "story">, line: string): Node => {
    const story = { line, before: from.story };
    const step = `${from.state} ${next.state}`;
    if (!checked.has(step)) {
      told(story, () => model.step(states.at(from.state), states.at(next.state)));
      checked.add(step);
    }
    return { ...next, story };
  };
  const start: Node = {
    state: states.number(model.key(model.initial), model.initial),
    histories: names.map((actor) => historyOf(actor, new Map())),
    late: [],
    disturbed: 0,
    story: { line: "the start", before: undefined },
  };

  async function moves(node: Node): Promise<Node[]> {
    const all: Node[] = [];
    const results = new Map<string, unknown>();
    for (const [i, call] of node.late.entries()) {
      const [outcome] = outcomes(node.state, call);
      if (outcome === undefined) continue;
      const { actor, label } = calls.at(call);
      const late = node.late.filter((_, j) => j !== i);
      all.push(made(node, { ...node, state: outcome.state, late }, `${actor}: ${label} arrives late`));
    }
    for (const [which, history] of node.histories.entries()) {
      const { actor } = histories.at(history);
      const position = await positionOf(history);
      if (position.ended !== undefined) results.set(actor, position.ended.result);
      for (const [index, call] of position.waiting) {
        for (const [i, outcome] of outcomes(node.state, call).entries()) {
          const disturbed = node.disturbed + (i === 0 ? 0 : 1);
          if (disturbed > disturbances) continue;
          all.push(
            made(
              node,
              {
                state: outcome.state,
                histories: node.histories.with(which, withReply(history, index, outcome.reply)),
                late: outcome.late ? [...node.late, call].sort() : node.late,
                disturbed,
              },
              `${actor}: ${calls.at(call).label}${i === 0 ? "" : ` (${outcome.fate})`}`,
            ),
          );
        }
      }
    }
    if (all.length > 0) return all;
    told(node.story, () => {
      if (results.size < names.length) throw new Error("nobody goes on, and not everybody is done");
      model.end(states.at(node.state), results);
    });
    return [];
  }
  return { start, moves };
}

/** An actor's code on its way. */
class Run<C> {
  readonly #actor: string;
  readonly #waiting = new Map<number, { request: C; answer: (reply: Reply) => void }>();
  #calls = 0;
  #ended: { result: unknown } | undefined;
  #failure: { error: unknown } | undefined;

  constructor(name: string, actor: Actor<C> | undefined) {
    this.#actor = name;
    if (actor === undefined) throw new Error(`there is no actor ${name}`);
    actor(
      (request) =>
        new Promise((answer) => {
          this.#waiting.set(this.#calls++, { request, answer });
        }),
    ).then(
      (result) => {
        this.#ended = { result };
      },
      (error: unknown) => {
        this.#failure = { error };
      },
    );
  }

  /** @param replies by the number of the call. @returns what it waits for after them. */
  async on(replies: readonly (readonly [number, Reply])[]): Promise<Position<C>> {
    if (this.#calls === 0) await settled();
    for (let left = [...replies].sort(([a], [b]) => a - b); left.length > 0; ) {
      const ready = left.filter(([index]) => this.#waiting.has(index));
      if (ready.length === 0)
        throw new Error(`${this.#actor} does not do twice the same: no call ${left[0]?.[0]}`);
      for (const [index, reply] of ready) {
        this.#waiting.get(index)?.answer(reply);
        this.#waiting.delete(index);
      }
      left = left.filter((one) => !ready.includes(one));
      await settled();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return {
      waiting: new Map([...this.#waiting].map(([index, { request }]) => [index, request])),
      ended: this.#ended,
    };
  }
}

/** Every microtask has run: an actor that waits for nothing but its calls has come to the next one. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function told(story: Story | undefined, check: () => void): void {
  try {
    check();
  } catch (error) {
    const lines: string[] = [];
    for (let at = story; at !== undefined; at = at.before) lines.unshift(at.line);
    throw new Error(`${(error as Error).message}\nafter ${lines.join("\n  then ")}`, { cause: error });
  }
}
