import { Ledger } from "../../state/ledger.ts";
import { failed, type Sample } from "../sample.ts";

/** What visitors wrote and were shown, in milliseconds since the epoch. */
export function ledgerOf(visitors: readonly { name: string; samples: readonly Sample[] }[]): Ledger {
  const ledger = new Ledger();
  for (const { name, samples } of visitors) {
    for (const sample of samples) {
      if (sample.method === "POST") write(ledger, `${name} ${sample.n}`, sample);
      else if (!failed(sample)) show(ledger, sample.body ?? "[]");
    }
  }
  return ledger;
}

function write(ledger: Ledger, row: string, sample: Sample): void {
  ledger.begun.set(row, sample.at);
  if (failed(sample)) ledger.refused++;
  else ledger.acknowledged.set(row, sample.at + sample.milliseconds);
}

function show(ledger: Ledger, body: string): void {
  for (const [client, n] of JSON.parse(body) as [string, number][]) ledger.show({ [client]: n });
}

/** In the project's urls.py: the newest entries, by whom, and the number that each has with them. */
export const SHOWN = `

from django.http import JsonResponse
from guestbook.models import Entry


def shown(request):
    newest = Entry.objects.values_list("name", "message")[:8]
    return JsonResponse([[name, int(message.rstrip("."))] for name, message in newest], safe=False)


urlpatterns.append(path("shown", shown))
`;

/** The same of all entries, in SQL; a migration puts a dot behind each. */
export const ENTRIES = "SELECT name, CAST(message AS INTEGER) FROM guestbook_entry";
