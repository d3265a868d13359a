/** Where notices go: the topic that mails, and the budget. */
import type { Aws } from "../aws/connect.ts";
import type { BudgetSeen } from "../aws/notices/budget.ts";
import type { TopicSeen } from "../aws/notices/topic.ts";
import type { SiteConfig } from "../config/site-config.ts";

export interface NoticesSeen {
  topic: TopicSeen | undefined;
  budget: BudgetSeen | undefined;
}

/** Where nothing is wanted, AWS may refuse to tell, or not answer, or have no such service. */
export async function observeNotices(
  config: SiteConfig,
  aws: Pick<Aws, "topic" | "budget">,
): Promise<NoticesSeen> {
  const unless =
    (wanted: boolean) =>
    (error: unknown): undefined => {
      if (wanted) throw error;
    };
  const [topic, budget] = await Promise.all([
    aws.topic.look().catch(unless(config.notify?.email !== undefined)),
    aws.budget.look().catch(unless(config.budget !== undefined)),
  ]);
  return { topic, budget };
}

export const usd = (amount: number): string => `$${amount.toFixed(2)}`;
