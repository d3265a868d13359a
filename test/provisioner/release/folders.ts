import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

/** Contents by path; `{ link }` makes a symbolic link, `{ script }` a file with x bits. */
export type Tree = Record<string, string | Buffer | { link: string } | { script: string }>;

export function write(root: string, tree: Tree): void {
  for (const [name, content] of Object.entries(tree)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    if (typeof content === "string" || Buffer.isBuffer(content)) {
      writeFileSync(file, content);
    } else if ("link" in content) {
      symlinkSync(content.link, file);
    } else {
      writeFileSync(file, content.script);
      chmodSync(file, 0o755);
    }
  }
}

/** A folder of its own for one test, removed after it. */
export function folder(tree: Tree = {}): string {
  const root = mkdtempSync(path.join(tmpdir(), "everspot-pack-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  write(root, tree);
  return root;
}
