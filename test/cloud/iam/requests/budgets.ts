import { check, type Mapping, requestTags, type World } from "./check.ts";

interface Named {
  AccountId: string;
  BudgetName?: string;
  Budget?: { BudgetName: string };
  ResourceTags?: { Key: string; Value: string }[];
}

/** All that only reads is one permission, and all that changes is another (Service Authorization Reference, "AWS Budget Service"). */
const on = (action: string) => (input: Named, world: World) => [
  check(`budgets:${action}`, arnOf(input, world)),
];

const arnOf = ({ BudgetName, Budget }: Named, world: World): string =>
  `arn:aws:budgets::${world.account}:budget/${BudgetName ?? Budget?.BudgetName ?? "*"}`;

export const budgets: Mapping = {
  CreateBudget: (input: Named, world) => {
    const tags = requestTags(input.ResourceTags);
    const arn = arnOf(input, world);
    return [
      check("budgets:ModifyBudget", arn, tags),
      ...((input.ResourceTags ?? []).length === 0 ? [] : [check("budgets:TagResource", arn, tags)]),
    ];
  },
  DeleteBudget: on("ModifyBudget"),
  DescribeBudget: on("ViewBudget"),
  DescribeNotificationsForBudget: on("ViewBudget"),
  DescribeSubscribersForNotification: on("ViewBudget"),
};
