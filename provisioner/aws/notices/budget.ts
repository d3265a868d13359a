/** The site's budget in AWS Budgets: it mails by itself, and stops nothing. */
import * as z from "zod";
import { resourceName } from "../../../agent/site/names.ts";
import { hasCode, ignoring, named } from "../errors.ts";
import type { SignedRpc } from "../signed-json.ts";
import { siteTags } from "../tags.ts";

export interface BudgetWanted {
  /** USD a month, of the whole account. */
  monthly: number;
  email: string;
}

export interface BudgetSeen {
  monthly: number;
  /** Whoever is mailed, each once. */
  emails: string[];
  /** Whether it mails at just the marks that everspot sets. */
  complete: boolean;
  /** USD of this month so far and, once AWS can tell, by its end. 8 to 12 h old. */
  spent: number;
  forecast: number | undefined;
}

export interface Budget {
  look(): Promise<BudgetSeen | undefined>;
  create(wanted: BudgetWanted): Promise<void>;
  /** If it is gone already, that is no error. */
  delete(): Promise<void>;
}

/** When it mails: of what, and at how many percent. */
const MARKS = [
  { NotificationType: "ACTUAL", Threshold: 80 },
  { NotificationType: "ACTUAL", Threshold: 100 },
  { NotificationType: "FORECASTED", Threshold: 100 },
].map((mark) => ({ ...mark, ComparisonOperator: "GREATER_THAN", ThresholdType: "PERCENTAGE" }));

const amount = z.object({ Amount: z.string() });
const budget = z.object({
  Budget: z.object({
    BudgetLimit: amount.optional(),
    CalculatedSpend: z.object({ ActualSpend: amount, ForecastedSpend: amount.optional() }).optional(),
  }),
});
const notification = z.object({
  NotificationType: z.string(),
  ComparisonOperator: z.string(),
  Threshold: z.number(),
  ThresholdType: z.string().optional(),
});
const notifications = z.object({ Notifications: z.array(notification).optional() });
const subscribers = z.object({ Subscribers: z.array(z.object({ Address: z.string() })).optional() });

/** Operations and members: AWS Budgets API Reference. @param call of us-east-1, where it is for all regions. */
export function createBudget(call: SignedRpc, site: string, account: string): Budget {
  const which = { AccountId: account, BudgetName: resourceName(site) };
  return {
    look: () =>
      named("looking at the budget", async () => {
        try {
          const { Budget } = budget.parse(await call("DescribeBudget", which));
          const set = notifications.parse(await call("DescribeNotificationsForBudget", which));
          const marks = set.Notifications ?? [];
          const readers = await Promise.all(
            marks.map(async (Notification) =>
              subscribers.parse(await call("DescribeSubscribersForNotification", { ...which, Notification })),
            ),
          );
          const { ActualSpend, ForecastedSpend } = Budget.CalculatedSpend ?? {};
          return {
            monthly: Number(Budget.BudgetLimit?.Amount),
            emails: [...new Set(readers.flatMap((r) => (r.Subscribers ?? []).map((s) => s.Address)))],
            complete:
              marks.length === MARKS.length &&
              MARKS.every((mark) => marks.some((m) => isMark(m, mark))) &&
              readers.every((r) => r.Subscribers?.length === 1),
            spent: Number(ActualSpend?.Amount ?? 0),
            forecast: ForecastedSpend && Number(ForecastedSpend.Amount),
          };
        } catch (error) {
          if (hasCode(error, "NotFound")) return undefined;
          throw error;
        }
      }),
    create: ({ monthly, email }) =>
      named("making the budget", async () => {
        await call("CreateBudget", {
          AccountId: account,
          Budget: {
            ...{ BudgetName: which.BudgetName, BudgetType: "COST", TimeUnit: "MONTHLY" },
            BudgetLimit: { Amount: String(monthly), Unit: "USD" },
          },
          NotificationsWithSubscribers: MARKS.map((Notification) => ({
            Notification,
            Subscribers: [{ SubscriptionType: "EMAIL", Address: email }],
          })),
          ResourceTags: siteTags(site),
        });
      }),
    delete: () =>
      named("deleting the budget", async () => {
        await call("DeleteBudget", which).catch(ignoring("NotFound"));
      }),
  };
}

const isMark = (one: z.infer<typeof notification>, other: (typeof MARKS)[number]): boolean =>
  one.NotificationType === other.NotificationType && one.Threshold === other.Threshold;
