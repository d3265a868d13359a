/** Notices: the topic that mails and the budget, from everspot.toml to nothing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runNotifyTest } from "../../../provisioner/commands/health/notify.ts";
import { runPlan } from "../../../provisioner/commands/plan.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { instancePolicy } from "../../../provisioner/wanted/instance-policy.ts";
import { allow } from "../../../provisioner/wanted/policy.ts";
import { inventory } from "../../cloud/inventory.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { credentialsOf } from "../permissions/credentials.ts";
import { MINIMAL, openDesk } from "../site.ts";

let site: SwapSite;
beforeAll(async () => {
  site = await openSwapSite({ drain: 1 });
}, 60_000);
afterAll(() => site.close());

const topic = "arn:aws:sns:us-east-1:123456789012:everspot-blog";
const withTold = (told: string) =>
  parseConfig(`${MINIMAL}[fleet]\nbridge = true\n[dns]\ndrain = 1\n${told}`, site.config.file);
const mail = (email: string, monthly = 10) =>
  withTold(`[notify]\nemail = "${email}"\n[budget]\nmonthly = ${monthly}\n`);
const up = async (config: ReturnType<typeof mail>) => {
  const mark = site.cloud.mark();
  await runUp(config, site.tools, { refreshImage: false, wait: false, timeout: 60 });
  return site.cloud
    .writes(mark)
    .filter((c) => ["sns", "budgets"].includes(c.service))
    .map((c) => c.operation);
};
const budget = () => site.cloud.budgets.kept.get("everspot-blog");

test("plan says what would be made; up makes it, and nothing a second time", async () => {
  await runPlan(mail("ann@example.com"), site.tools, { refreshImage: false, pack: false });
  const { actions } = site.json() as { actions: { what: string }[] };
  expect(actions.map((a) => a.what)).toEqual(
    expect.arrayContaining([
      "create the SNS topic by which instances send mail",
      "have AWS ask ann@example.com whether to mail there: the link in its mail must be followed",
      "create an AWS budget of $10.00 a month for the whole account, which mails ann@example.com",
    ]),
  );
  expect(await up(mail("ann@example.com"))).toEqual(["CreateTopic", "Subscribe", "CreateBudget"]);
  expect(site.cloud.sns.mails).toMatchObject([{ to: "ann@example.com", subject: /Confirmation/ }]);
  expect(budget()).toMatchObject({
    budget: { BudgetLimit: { Amount: "10", Unit: "USD" }, TimeUnit: "MONTHLY" },
    alarms: [
      { Notification: { NotificationType: "ACTUAL", Threshold: 80 } },
      { Notification: { NotificationType: "ACTUAL", Threshold: 100 } },
      { Notification: { NotificationType: "FORECASTED", Threshold: 100 } },
    ],
  });
  expect(await up(mail("ann@example.com"))).toEqual([]);
});

test("status says who has not agreed to be mailed, and what is spent", async () => {
  site.cloud.budgets.spent = { actual: 3.2, forecast: 11 };
  await runStatus(mail("ann@example.com"), site.tools);
  expect(site.json()).toMatchObject({
    mail: { email: "ann@example.com", confirmed: false },
    spend: { spent: 3.2, forecast: 11, monthly: 10 },
    odd: expect.arrayContaining([expect.stringContaining("gets no mail yet")]),
  });
  site.cloud.sns.confirm("ann@example.com");
  await runStatus(mail("ann@example.com"), site.tools);
  expect(site.json()).toMatchObject({ mail: { confirmed: true } });
});

test("an instance may mail by that topic only where everspot.toml says so", () => {
  const where = { account: "123456789012", partition: "aws", hostedZone: "Z1", baked: false };
  const publishes = (config: ReturnType<typeof mail>) =>
    instancePolicy(config, where)
      .Statement.filter((s) => s.Action === "sns:Publish")
      .map((s) => s.Resource);
  expect(publishes(mail("ann@example.com"))).toEqual([topic]);
  expect(publishes(site.config)).toEqual([]);
});

test("notify test: the instance says how it got there, and AWS whether it is delivered", async () => {
  const both = withTold('[notify]\nemail = "ann@example.com"\nurl = "https://hooks.example/1"\n');
  await runNotifyTest(both, site.tools);
  expect(site.json()).toMatchObject({
    command: "notify test",
    tried: [{ channel: "webhook" }, { channel: "mail" }],
    unconfirmed: false,
  });
  await expect(runNotifyTest(site.config, site.tools)).rejects.toMatchObject({
    message: "there is nowhere to send a notice: everspot.toml has no [notify]",
    exitCode: 2,
  });
});

test("notify test where it may not be asked for, or no one is there to ask, says so", async () => {
  const looks = {
    Version: "2012-10-17" as const,
    Statement: [allow("Look", ["s3:GetObject", "s3:ListBucket"], "*")],
  };
  const person = credentialsOf(site.cloud, "ann", [
    looks,
    { ...looks, Statement: [allow("Ec2", "ec2:DescribeInstances", "*")] },
  ]);
  await expect(person.use(() => runNotifyTest(mail("ann@example.com"), site.tools))).rejects.toMatchObject({
    message: expect.stringMatching(/[Aa]ccess|403/),
  });
  const desk = await openDesk();
  try {
    await expect(runNotifyTest(mail("ann@example.com"), desk.tools)).rejects.toMatchObject({
      message: "blog does not exist",
      exitCode: 69,
    });
  } finally {
    await desk.close();
    Object.assign(process.env, site.cloud.env);
  }
});

test("another address takes the place of the first; another sum is another budget", async () => {
  expect(await up(mail("bob@example.com", 20))).toEqual([
    "Subscribe",
    "Unsubscribe",
    "DeleteBudget",
    "CreateBudget",
  ]);
  expect(site.cloud.sns.topics.get(topic)?.subscriptions.map((s) => s.endpoint)).toEqual(["bob@example.com"]);
  expect(budget()?.budget.BudgetLimit?.Amount).toBe("20");
});

test("a budget that someone changed by hand is put right", async () => {
  budget()?.alarms.pop();
  expect(await up(mail("bob@example.com", 20))).toEqual(["DeleteBudget", "CreateBudget"]);
});

test("both go with everspot.toml's lines, and with down", async () => {
  expect(await up(withTold(""))).toEqual(["DeleteTopic", "DeleteBudget"]);
  await up(mail("ann@example.com"));
  // Also where everspot.toml has them no more.
  await runDown(site.config, site.tools, { deleteData: true, deleteCertificate: true });
  expect(site.cloud.budgets.kept.size).toBe(0);
  expect((await inventory(site.cloud)).filter((line) => line.startsWith("sns"))).toEqual([]);
  expect(site.cloud.faults()).toEqual([]);
});
