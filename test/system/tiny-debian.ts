/** An archive as Debian's is made, of a few packages, signed with a key made here. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { debianArch } from "../../agent/packages/debian-index.ts";

const SUITES = ["trixie", "trixie-updates", "trixie-security"] as const;
type Suite = (typeof SUITES)[number];
const PACKAGES = `main/binary-${debianArch()}/Packages`;

export class TinyDebian {
  readonly keyring: string;
  readonly #stanzas = new Map<Suite, string[]>();

  private constructor(
    readonly folder: string,
    /** gpg's; short, because its agent's socket lies there. */
    readonly home: string,
  ) {
    this.keyring = path.join(folder, "keyring.gpg");
  }

  static async open(folder: string): Promise<TinyDebian> {
    const home = await mkdtemp(path.join(tmpdir(), "gpg-"));
    const made = new TinyDebian(folder, home);
    await mkdir(path.join(folder, "pool"), { recursive: true });
    await made.#gpg(["--quick-generate-key", "--passphrase", "", "a Debian for tests", "ed25519", "sign"]);
    await made.#gpg(["--output", made.keyring, "--export"]);
    return made;
  }

  async close(): Promise<void> {
    await execa("gpgconf", ["--homedir", this.home, "--kill", "all"]);
    await rm(this.home, { recursive: true, force: true });
  }

  #gpg(args: readonly string[], input?: string) {
    const env = { GNUPGHOME: this.home };
    const given = input === undefined ? {} : { input };
    return execa("gpg", ["--batch", "--quiet", ...args], { env, ...given });
  }

  clear(): void {
    this.#stanzas.clear();
  }

  /** A .deb by the name that apt gives it. */
  deb(name: string): string {
    return path.join(this.folder, "pool", name);
  }

  /** A package of a suite from the next `publish` on. */
  async add(suite: Suite, name: string, version: string, arch: string, depends?: string): Promise<void> {
    const file = `${name}_${version.replaceAll(":", "%3a")}_${arch}.deb`;
    await this.build(name, version, arch, this.deb(file), depends === undefined ? {} : { depends });
    const body = await readFile(this.deb(file));
    const fields = [
      ...[
        `Package: ${name}`,
        `Version: ${version}`,
        `Architecture: ${arch}`,
        "Maintainer: Nobody <nobody@test>",
      ],
      ...(depends === undefined ? [] : [`Depends: ${depends}`]),
      ...[`Filename: pool/${file}`, `Size: ${body.length}`],
      ...[`SHA256: ${createHash("sha256").update(body).digest("hex")}`, "Description: of a test"],
    ];
    this.#stanzas.set(suite, [...(this.#stanzas.get(suite) ?? []), fields.join("\n")]);
  }

  async build(
    name: string,
    version: string,
    arch: string,
    file: string,
    more: { depends?: string; postinst?: string } = {},
  ): Promise<void> {
    const tree = await mkdtemp(path.join(this.folder, "tree-"));
    await mkdir(path.join(tree, "DEBIAN"), { mode: 0o755 });
    const depends = more.depends === undefined ? "" : `Depends: ${more.depends}\n`;
    await writeFile(
      path.join(tree, "DEBIAN/control"),
      `Package: ${name}\nVersion: ${version}\nArchitecture: ${arch}\nMaintainer: Nobody <nobody@test>\n${depends}Description: of a test\n`,
    );
    if (more.postinst !== undefined)
      await writeFile(path.join(tree, "DEBIAN/postinst"), `#!/bin/sh\n${more.postinst}\n`, { mode: 0o755 });
    await rm(file, { force: true });
    await execa("dpkg-deb", ["--root-owner-group", "--build", tree, file]);
    await rm(tree, { recursive: true });
  }

  /** Signs what there is now. As in Debian, only what is signed every day expires, after a week. */
  async publish(date: Date): Promise<void> {
    for (const suite of SUITES) {
      const packages = this.#packages(suite);
      const sha256 = createHash("sha256").update(packages).digest("hex");
      const until = new Date(date.getTime() + 7 * 86_400_000);
      const text = [
        ...["Origin: Debian", "Label: Debian", `Suite: ${suite}`, `Codename: ${suite}`],
        ...[
          `Date: ${date.toUTCString()}`,
          ...(suite === "trixie" ? [] : [`Valid-Until: ${until.toUTCString()}`]),
        ],
        ...[`Architectures: all ${debianArch()}`, "Components: main", "SHA256:"],
        ...[` ${sha256} ${String(packages.length).padStart(8)} ${PACKAGES}`, ""],
      ].join("\n");
      await rm(this.#release(suite), { force: true });
      await this.#gpg(["--clearsign", "--output", this.#release(suite)], text);
    }
  }

  #packages(suite: Suite): string {
    return `${(this.#stanzas.get(suite) ?? []).join("\n\n")}\n`;
  }

  #release(suite: Suite): string {
    return path.join(this.folder, `${suite}.InRelease`);
  }

  /** What apt would have of it. */
  async indexInto(folder: string): Promise<void> {
    for (const suite of SUITES) {
      const file = path.join(folder, `${suite}.InRelease`);
      await rm(file, { force: true });
      await writeFile(file, await readFile(this.#release(suite)));
    }
    await this.packagesInto(folder);
  }

  async packagesInto(folder: string): Promise<void> {
    for (const suite of SUITES)
      await writeFile(path.join(folder, `${suite}.Packages`), this.#packages(suite));
  }

  async rewrite(file: string, change: (text: string) => string): Promise<void> {
    const text = await readFile(file, "utf8");
    await rm(file);
    await writeFile(file, change(text));
  }
}
