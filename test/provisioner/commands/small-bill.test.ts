/** What an owner's day adds to the bill of a small site, as `plan` prints it before it is turned on. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";
import type { Bill } from "../../../provisioner/plan/bill.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

const EVERYTHING = `threads = 4
[schedule.nightly]
run = "python3 manage.py clearsessions"
at = "*-*-* 03:15"
[schedule.hourly]
run = "python3 manage.py fetch"
at = "hourly"
[worker.queue]
run = "python3 manage.py qcluster"
[notify]
url = "https://hooks.example/1"
email = "ann@example.com"
[budget]
monthly = 10
[logs]
max_mb_per_day = 150
`;

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk.close());

async function planned(toml: string): Promise<{ bill: Bill; text: string }> {
  const config = parseConfig(toml, desk.config.file);
  const plan = (tools: Desk["tools"]) => runPlan(config, tools, { refreshImage: false, pack: false });
  await plan(desk.tools);
  const out: string[] = [];
  const [stdout, stderr] = [{ write: (text: string) => out.push(text) }, { write: () => true }];
  await plan({ ...desk.tools, terminal: createTerminal({ json: false, stdout, stderr }) });
  return { bill: desk.json().bill as Bill, text: out.join("") };
}

test("the log, jobs, a worker, alerts, a budget and threads are less than 10 cents a month together, and said", async () => {
  const [plain, full] = [await planned(MINIMAL), await planned(`${MINIMAL}${EVERYTHING}`)];
  for (const end of ["low", "high"] as const) {
    const more = full.bill[end] - plain.bill[end];
    expect(more).toBeGreaterThan(0.01);
    expect(more).toBeLessThan(0.1);
  }
  expect(full.text).toMatch(/^ {2}jobs and workers +\$0\.0\d +\(760 runs a month, each with 2 writes/m);
  expect(full.text).toMatch(/^ {2}log +\$0\.00 /m);
});
