/**
 * The part of the AWS Budgets model (2016-10-20) that the local one answers, in the form of the SDK's clients. Members: AWS
 * Budgets API Reference.
 */
const ns = "com.amazonaws.budgets";
const text = 0;
const number = 1;
const structure = (
  name: string,
  required: Record<string, unknown>,
  optional: Record<string, unknown> = {},
) => {
  const members = { ...required, ...optional };
  return [3, ns, name, 0, Object.keys(members), Object.values(members), Object.keys(required).length];
};
const list = (name: string, of: unknown) => [1, ns, name, 0, of];
const operation = (name: string, input: unknown, output: unknown) => [
  ...[9, ns, name, 0],
  () => input,
  () => output,
];

const spend = structure("Spend", { Amount: text, Unit: text });
const budget = structure(
  "Budget",
  { BudgetName: text, TimeUnit: text, BudgetType: text },
  {
    BudgetLimit: spend,
    CalculatedSpend: structure("CalculatedSpend", { ActualSpend: spend }, { ForecastedSpend: spend }),
  },
);
const notification = structure(
  "Notification",
  { NotificationType: text, ComparisonOperator: text, Threshold: number },
  { ThresholdType: text, NotificationState: text },
);
const subscribers = list("Subscribers", structure("Subscriber", { SubscriptionType: text, Address: text }));
const tags = list("ResourceTagList", structure("ResourceTag", { Key: text, Value: text }));
const named = { AccountId: text, BudgetName: text };
const paged = { MaxResults: number, NextToken: text };

export const CreateBudget$ = operation(
  "CreateBudget",
  structure(
    "CreateBudgetRequest",
    { AccountId: text, Budget: budget },
    {
      NotificationsWithSubscribers: list(
        "NotificationWithSubscribersList",
        structure("NotificationWithSubscribers", { Notification: notification, Subscribers: subscribers }),
      ),
      ResourceTags: tags,
    },
  ),
  structure("CreateBudgetResponse", {}),
);
export const DescribeBudget$ = operation(
  "DescribeBudget",
  structure("DescribeBudgetRequest", named),
  structure("DescribeBudgetResponse", {}, { Budget: budget }),
);
export const DeleteBudget$ = operation(
  "DeleteBudget",
  structure("DeleteBudgetRequest", named),
  structure("DeleteBudgetResponse", {}),
);
export const DescribeNotificationsForBudget$ = operation(
  "DescribeNotificationsForBudget",
  structure("DescribeNotificationsForBudgetRequest", named, paged),
  structure(
    "DescribeNotificationsForBudgetResponse",
    {},
    { Notifications: list("Notifications", notification), NextToken: text },
  ),
);
export const DescribeSubscribersForNotification$ = operation(
  "DescribeSubscribersForNotification",
  structure("DescribeSubscribersForNotificationRequest", { ...named, Notification: notification }, paged),
  structure("DescribeSubscribersForNotificationResponse", {}, { Subscribers: subscribers, NextToken: text }),
);

export class BudgetsClient {
  readonly config = {
    protocol: { getShapeId: () => "aws.protocols#awsJson1_1" },
    protocolSettings: { serviceTarget: "AWSBudgetServiceGateway" },
  };
}
