import path from "node:path";
import { expect, test } from "vitest";
import { findCompiler, findPythons } from "../../../provisioner/dependencies/python.ts";
import { markerEnvironment, targetOptions } from "../../../provisioner/requirements/python-target.ts";
import { folder, write } from "../release/folders.ts";

const target = { python: "3.13", arch: "x86_64" as const };

/** A PATH with programs that answer as a Python of this version would. */
function pythons(
  versions: Record<string, { version: string; pip?: string; cpython?: boolean }>,
): NodeJS.ProcessEnv {
  const bin = folder();
  for (const [name, { version, pip, cpython = true }] of Object.entries(versions)) {
    const answer = JSON.stringify({ version, pipVersion: pip ?? null, cpython });
    write(bin, { [name]: { script: `#!/bin/sh\necho '${answer}'\n` } });
  }
  return { PATH: bin };
}

test("the instance's version with pip is best, then python3", async () => {
  const both = pythons({
    "python3.13": { version: "3.13.5", pip: "25.0" },
    python3: { version: "3.11.2", pip: "23.0" },
  });
  expect(await findPythons(target, both)).toMatchObject({
    pip: { command: "python3.13", pipVersion: "25.0" },
    compiler: { command: "python3.13", version: "3.13.5" },
  });
  const other = pythons({ "python3.13": { version: "3.13.5" }, python3: { version: "3.11.2", pip: "23.0" } });
  expect(await findPythons(target, other)).toMatchObject({
    pip: { command: "python3" },
    compiler: { command: "python3.13" },
  });
  const one = pythons({ python3: { version: "3.13.1", pip: "24" } });
  expect(await findPythons(target, one)).toMatchObject({
    pip: { command: "python3" },
    compiler: { command: "python3" },
  });
});

test("a version that only begins the same, and another implementation, do not compile for the instance", async () => {
  expect(
    await findCompiler({ ...target, python: "3.1" }, pythons({ python3: { version: "3.13.5" } })),
  ).toBeUndefined();
  const pypy = pythons({ python3: { version: "3.13.5", pip: "25", cpython: false } });
  expect(await findCompiler(target, pypy)).toBeUndefined();
});

test("a shim without its Python does not count", async () => {
  const env = pythons({ python3: { version: "3.11.2", pip: "23.0" } });
  write(env.PATH ?? "", { "python3.13": { script: "#!/bin/sh\necho 'command not found' >&2\nexit 127\n" } });
  expect(await findPythons(target, env)).toMatchObject({ pip: { command: "python3" }, compiler: undefined });
});

test("what to install when Python or pip are missing", async () => {
  await expect(findPythons(target, { PATH: path.join(folder(), "none") })).rejects.toMatchObject({
    message: expect.stringContaining("no python3 here"),
    hint: expect.stringContaining("apt install python3-pip python3-venv"),
  });
  for (const python3 of [{ version: "3.11.2" }, { version: "3.8.1", pip: "20.0.2" }]) {
    await expect(findPythons(target, pythons({ python3 }))).rejects.toMatchObject({
      message: expect.stringContaining("python3 here has no pip"),
      hint: expect.stringContaining("apt install python3-pip python3-venv"),
    });
  }
});

test("wheels of every glibc up to the image's are fine, of none above", () => {
  const tags = (python: string, arch: "x86_64" | "arm64") => {
    const options = targetOptions({ python, arch });
    return options.filter((_, i) => options[i - 1] === "--platform");
  };
  expect(tags("3.11", "x86_64")[0]).toBe("manylinux_2_36_x86_64");
  expect(tags("3.13", "x86_64")[0]).toBe("manylinux_2_41_x86_64");
  expect(tags("3.13", "x86_64")).toEqual(
    expect.arrayContaining([
      "manylinux2014_x86_64",
      "manylinux2010_x86_64",
      "manylinux1_x86_64",
      "linux_x86_64",
    ]),
  );
  expect(tags("3.13", "arm64")).toContain("manylinux2014_aarch64");
  expect(tags("3.13", "arm64")).toContain("manylinux_2_17_aarch64");
  expect(tags("3.13", "arm64").some((t) => t.includes("x86") || t.includes("_2_16_"))).toBe(false);
  expect(targetOptions(target)).toEqual(expect.arrayContaining(["--abi", "cp313", "--only-binary=:all:"]));
});

test("markers are the instance's", () => {
  expect(markerEnvironment({ python: "3.11", arch: "arm64" })).toMatchObject({
    python_version: "3.11",
    python_full_version: "3.11.2",
    platform_machine: "aarch64",
    sys_platform: "linux",
  });
});
