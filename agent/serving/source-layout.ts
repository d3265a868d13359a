import { access } from "node:fs/promises";
import { join } from "node:path";

/** Whether the module of `wsgi` or `asgi` is in the release's `src` folder, where packaged projects have theirs. */
export async function hasSourceLayout(folder: string, application: string): Promise<boolean> {
  const top = /^\w+/.exec(application)?.[0] ?? "";
  const isIn = async (place: string) =>
    (await exists(join(place, top))) || (await exists(join(place, `${top}.py`)));
  return !(await isIn(folder)) && (await isIn(join(folder, "src")));
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
