import { spawn } from "node:child_process";
import { createInterface } from "node:readline/promises";

/**
 * A Python for many questions, since starting one takes longer than most answers. It starts with the first and ends with
 * the process of the tests.
 * @param program reads a question a line from `lines`, and answers with `say(…)`, each as JSON.
 */
export function onePython(program: string): (question: unknown) => Promise<unknown> {
  const whole = `import json, sys
lines = map(json.loads, sys.stdin)
def say(answer):
    print(json.dumps(answer), flush=True)
${program}`;
  const start = () => {
    const child = spawn("python3", ["-I", "-S", "-c", whole], { stdio: ["pipe", "pipe", "inherit"] });
    child.unref();
    const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    return { child, answers };
  };
  let started: ReturnType<typeof start> | undefined;
  return async (question) => {
    started ??= start();
    started.child.stdin.write(`${JSON.stringify(question)}\n`);
    const { done, value } = await started.answers.next();
    if (done) throw new Error("Python ended; it said why");
    return JSON.parse(value);
  };
}
