import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Page } from "playwright-core";

/** Flags that keep Debian's Chromium from looking for anything beyond the page it is given. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export interface Look {
  width: number;
  dark: boolean;
}

/** Opens a file in Debian's Chromium (package chromium), hands over the page and what it complained of, and ends it. */
export async function inChromium<T>(
  file: string,
  look: Look,
  use: (page: Page, complaints: readonly string[]) => Promise<T>,
): Promise<T> {
  const profile = await mkdtemp(path.join(tmpdir(), "everspot-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    args: FLAGS,
    viewport: { width: look.width, height: 900 },
    colorScheme: look.dark ? "dark" : "light",
  });
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(pathToFileURL(file).href);
    return await use(page, complaints);
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
}
