import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256Of } from "../../../agent/site/state/chunks.ts";
import { sendUpload } from "../../../agent/state/media/send.ts";

let folder: string;
let sent: string[];
beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), "everspot-send-")));
  sent = [];
  for (const name of ["media/pictures", "private", "scratch"]) {
    await mkdir(path.join(folder, name), { recursive: true });
  }
  await writeFile(path.join(folder, "media/pictures/a.json"), "a picture");
  await writeFile(path.join(folder, "private/a.json"), "a secret");
});
afterEach(() => rm(folder, { recursive: true }));

const send = (copied: boolean) =>
  sendUpload(path.join(folder, "media/pictures/a.json"), {
    bucket: { putUpload: async (sha256: string) => void sent.push(sha256) } as never,
    scratch: path.join(folder, "scratch"),
    copied,
    has: () => false,
  });

describe.each([false, true])("an upload (in a copy: %s)", (copied) => {
  test("is sent under the name of its content", async () => {
    const sha256 = sha256Of(Buffer.from("a picture"));
    expect(await send(copied)).toEqual({ sha256, size: 9 });
    expect(sent).toEqual([sha256]);
  });

  test("is refused when its folder is a link by now, to what only the shipper may read", async () => {
    await rename(path.join(folder, "media/pictures"), path.join(folder, "media/before"));
    await symlink(path.join(folder, "private"), path.join(folder, "media/pictures"));
    expect(await send(copied)).toBe("refused");
    expect(sent).toEqual([]);
  });

  test("is not followed when it is a link itself", async () => {
    await rm(path.join(folder, "media/pictures/a.json"));
    await symlink(path.join(folder, "private/a.json"), path.join(folder, "media/pictures/a.json"));
    await expect(send(copied)).rejects.toThrow("ELOOP");
    expect(sent).toEqual([]);
  });
});
