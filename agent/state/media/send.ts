import { createHash, randomBytes } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { copyFile, type FileHandle, open, readlink, rm } from "node:fs/promises";
import path from "node:path";
import type { UploadBucket } from "../../site/state/bucket.ts";

/** Bytes up to which an upload is read once, into memory. */
const SMALL = 1 << 20;

export interface SendOptions {
  bucket: UploadBucket;
  /** A folder with room for it. */
  scratch: string;
  /** Whether a copy is made and sent: it goes on changing. */
  copied: boolean;
  /** Whether the bucket has this content already. */
  has: (sha256: string) => boolean;
}

/**
 * Brings the content of one file into the bucket, as it was at some moment from now on. "refused": it may not be read.
 * @throws EverspotError of the bucket, also when the file was changed between its two readings.
 */
export async function sendUpload(
  file: string,
  options: SendOptions,
): Promise<{ sha256: string; size: number } | "refused"> {
  const { bucket, has } = options;
  let handle: FileHandle | undefined;
  try {
    handle = await openThere(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") return "refused";
    throw error;
  }
  if (handle === undefined) return "refused";
  try {
    if (options.copied) return await sendCopy(handle, options);
    const { size } = await handle.stat();
    if (size <= SMALL) {
      const content = await handle.readFile();
      const sha256 = createHash("sha256").update(content).digest("hex");
      if (!has(sha256)) await bucket.putUpload(sha256, content.length, () => content);
      return { sha256, size: content.length };
    }
    const hash = createHash("sha256");
    const content = () => createReadStream("", { fd: handle, start: 0, end: size - 1, autoClose: false });
    for await (const bytes of content()) hash.update(bytes as Buffer);
    const sha256 = hash.digest("hex");
    if (!has(sha256)) await bucket.putUpload(sha256, size, content);
    return { sha256, size };
  } finally {
    await handle.close();
  }
}

/**
 * Opens what lies there, and follows nothing on the way: the app may put a link in the place of any folder, to what
 * only this process may read. Undefined: it lies elsewhere.
 */
async function openThere(file: string): Promise<FileHandle | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const at = await readlink(pathOf(handle));
  if (at === file) return handle;
  await handle.close();
  if (at.endsWith(" (deleted)")) throw Object.assign(new Error(`${file} is gone`), { code: "ENOENT" });
  return undefined;
}

/** The path of what is open, whatever is at its place by now (proc(5)). */
const pathOf = (handle: FileHandle): string => `/proc/self/fd/${handle.fd}`;

async function sendCopy(handle: FileHandle, options: SendOptions) {
  const copy = path.join(options.scratch, `upload-${randomBytes(8).toString("hex")}`);
  try {
    await copyFile(pathOf(handle), copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return await sendUpload(copy, { ...options, copied: false });
  } finally {
    await rm(copy, { force: true });
  }
}
