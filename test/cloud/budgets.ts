import { isDeepStrictEqual } from "node:util";
import * as model from "./budgets/schemas.ts";
import { AwsError, type Call, ContractError, type WireServer } from "./wire/server.ts";

interface Notification {
  NotificationType: string;
  ComparisonOperator: string;
  Threshold: number;
  ThresholdType?: string;
}
interface Alarm {
  Notification: Notification;
  Subscribers: { SubscriptionType: string; Address: string }[];
}
interface Budget {
  BudgetName: string;
  TimeUnit: string;
  BudgetType: string;
  BudgetLimit?: { Amount: string; Unit: string };
}
interface Kept {
  budget: Budget;
  alarms: Alarm[];
  tags: Map<string, string>;
}

/** Of one budget; of one notification (AWS Budgets API Reference, CreateBudget). */
const MOST_ALARMS = 5;
const MOST_SUBSCRIBERS = 11;

/**
 * AWS Budgets: monthly budgets of the account's costs, with mails. It is in one region for all (us-east-1), and its data
 * are hours old: what was spent is what a test says.
 * Not modelled: filters, actions, history, UpdateBudget.
 */
export class Budgets {
  readonly kept = new Map<string, Kept>();
  /** USD of this month, in the whole account. */
  spent = { actual: 0, forecast: undefined as number | undefined };

  constructor(wire: WireServer, account: string) {
    wire.use(model, "budgets");
    const on = <I extends { AccountId: string }>(operation: string, handler: (input: I) => object) =>
      wire.on<I>("budgets", operation, (input: I, call: Call) => {
        if (call.region !== "us-east-1")
          throw new ContractError(`budgets is in us-east-1, and was asked in ${call.region}`);
        if (input.AccountId !== account) throw invalid("Account ID does not match the caller's");
        return handler(input);
      });
    on("CreateBudget", (input: Parameters<Budgets["create"]>[0]) => this.create(input));
    on("DescribeBudget", (input: Named) => ({ Budget: this.#shown(this.#find(input)) }));
    on("DeleteBudget", (input: Named) => {
      this.kept.delete(this.#find(input).budget.BudgetName);
      return {};
    });
    on("DescribeNotificationsForBudget", (input: Named) => ({
      Notifications: this.#find(input).alarms.map((a) => a.Notification),
    }));
    on("DescribeSubscribersForNotification", (input: Named & { Notification: Notification }) => {
      const found = this.#find(input).alarms.find((a) => isSame(a.Notification, input.Notification));
      if (found === undefined) throw notFound("Unable to get subscribers: notification");
      return { Subscribers: found.Subscribers };
    });
  }

  create(input: {
    AccountId: string;
    Budget: Budget;
    NotificationsWithSubscribers?: Alarm[];
    ResourceTags?: { Key: string; Value: string }[];
  }): object {
    const { Budget: budget, NotificationsWithSubscribers: alarms = [], ResourceTags: tags = [] } = input;
    const { BudgetName: name, BudgetLimit: limit } = budget;
    if (this.kept.has(name))
      throw new AwsError(
        "DuplicateRecordException",
        `Error creating budget: ${name} - the budget already exists.`,
      );
    if (budget.TimeUnit !== "MONTHLY" || budget.BudgetType !== "COST")
      throw new ContractError("budgets.CreateBudget: monthly costs alone");
    if (!/^(?!.*\/action\/)[^:\\]{1,100}$/.test(name)) throw invalid("BudgetName");
    if (limit?.Unit !== "USD" || !/^\d+(\.\d{1,2})?$/.test(limit.Amount) || Number(limit.Amount) <= 0)
      throw invalid("BudgetLimit");
    if (alarms.length > MOST_ALARMS)
      throw new AwsError("CreationLimitExceededException", "Too many notifications.");
    for (const { Notification: n, Subscribers } of alarms) {
      if (!["ACTUAL", "FORECASTED"].includes(n.NotificationType)) throw invalid("NotificationType");
      if (Subscribers.length < 1 || Subscribers.length > MOST_SUBSCRIBERS) throw invalid("Subscribers");
      if (Subscribers.some((s) => s.SubscriptionType !== "EMAIL" || !/^[^@\s]+@[^@\s]+$/.test(s.Address)))
        throw invalid("Address");
    }
    this.kept.set(name, { budget, alarms, tags: new Map(tags.map(({ Key, Value }) => [Key, Value])) });
    return {};
  }

  #find({ BudgetName }: Named): Kept {
    const found = this.kept.get(BudgetName);
    if (found === undefined)
      throw notFound(`Unable to get budget: ${BudgetName} - the budget doesn't exist.`);
    return found;
  }

  #shown({ budget }: Kept): object {
    const usd = (amount: number) => ({ Amount: String(amount), Unit: "USD" });
    const { actual, forecast } = this.spent;
    return {
      ...budget,
      CalculatedSpend: {
        ActualSpend: usd(actual),
        ...(forecast !== undefined && { ForecastedSpend: usd(forecast) }),
      },
    };
  }
}

interface Named {
  AccountId: string;
  BudgetName: string;
}

const isSame = (one: Notification, other: Notification): boolean => {
  const { NotificationType, ComparisonOperator, Threshold, ThresholdType = "PERCENTAGE" } = one;
  const { ThresholdType: type = "PERCENTAGE" } = other;
  return isDeepStrictEqual(
    [NotificationType, ComparisonOperator, Threshold, ThresholdType],
    [other.NotificationType, other.ComparisonOperator, other.Threshold, type],
  );
};

const notFound = (message: string): AwsError => new AwsError("NotFoundException", message);
const invalid = (what: string): AwsError => new AwsError("InvalidParameterException", `Invalid: ${what}`);
