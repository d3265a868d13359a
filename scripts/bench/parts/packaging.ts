/** How long does it take to make a release? */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { must, type Part, withSite } from "../bench.ts";
import { round, spread } from "../stats.ts";

const MEGABYTES = 50;
const FILES = 50;

export const packaging: Part = {
  name: "packaging",
  about: `\`everspot deploy --package\` of a project with ${MEGABYTES} MB in ${FILES} files that do not compress`,
  run: (bench, figures) =>
    withSite(bench, {}, async (site) => {
      const folder = path.join(site.site.folder, "media");
      await mkdir(folder);
      for (let i = 0; i < FILES; i++) {
        await writeFile(path.join(folder, `${i}.bin`), randomBytes((MEGABYTES / FILES) * 1e6));
      }
      const zip = path.join(bench.directory, "packed.zip");
      // The first one fills the cache of dependencies.
      await must(site, ["deploy", "--package", zip]);
      const seconds: number[] = [];
      let size = 0;
      for (let i = 0; i < bench.runs; i++) {
        const { json } = await must(site, ["deploy", "--package", zip]);
        const packed = json as { seconds: number; size: number };
        size = packed.size / 1e6;
        seconds.push((packed.seconds / size) * 10);
      }
      figures.packaging = { secondsPer10MB: spread(seconds), releaseMB: round(size) };
    }),
};
