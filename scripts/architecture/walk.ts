/** Which rooms a call of `up` enters before its first write: run, not guessed. */
import { writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import path from "node:path";
import { runUp } from "../../provisioner/commands/up.ts";
import { loadConfig } from "../../provisioner/config/load.ts";
import { MINIMAL, openDesk } from "../../test/provisioner/site.ts";
import { house } from "./house.ts";
import { calledSources, forgetCalls, watchCalls } from "./ran.ts";
import { roomOf, wingOf } from "./rules.ts";

const root = path.resolve(import.meta.dirname, "../..");

/**
 * Runs `everspot up` of a new site against the local AWS, up to its first action, and asks V8 which functions were
 * called. @returns names of rooms of provisioner/, sorted. @throws Error when it did not come to an action.
 */
export async function roomsOfUp(): Promise<string[]> {
  // Credentials are the desk's, never this computer's.
  Object.assign(process.env, {
    ...{ AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: "/dev/null" },
    ...{ AWS_SHARED_CREDENTIALS_FILE: "/dev/null", AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  });
  const desk = await openDesk();
  const inspector = new Session();
  inspector.connect();
  try {
    watchCalls(inspector);
    const config = path.join(path.dirname((await desk.tools.agentArchive("x86_64")).file), "everspot.toml");
    writeFileSync(config, MINIMAL);
    const { tools } = desk;
    let agreed = false;
    // The command line, which the call comes from.
    const entered = new Set(["cli"]);
    const enough = new Error("far enough");
    const agree = async () => {
      agreed = true;
    };
    const begin = () => {
      if (!agreed) return;
      for (const room of called(inspector)) entered.add(room);
      throw enough;
    };
    forgetCalls(inspector);
    const up = runUp(
      await loadConfig(config, undefined),
      {
        ...tools,
        questions: { ...tools.questions, agree },
        terminal: { ...tools.terminal, begin },
        agentArchive: (arch) => {
          // The desk has one made already.
          entered.add("archive");
          return tools.agentArchive(arch);
        },
      },
      { refreshImage: false, wait: false, timeout: 1 },
    );
    await up.catch((error: unknown) => {
      if (error !== enough) throw error;
    });
    if (!agreed) throw new Error("`up` had nothing to do");
    return [...entered].sort();
  } finally {
    inspector.disconnect();
    await desk.close();
  }
}

/** Rooms with a function that was called since this was asked before. */
function called(inspector: Session): string[] {
  return [...calledSources(inspector)].flatMap((source) => {
    const file = path.relative(root, source);
    const wing = wingOf(house, file);
    return wing?.at === "provisioner" ? [roomOf(wing, file)] : [];
  });
}
