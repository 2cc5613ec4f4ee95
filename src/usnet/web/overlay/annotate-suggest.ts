// Asks the model for its boxes on an image, and waits for a worker to find them.

import { send } from "./dom";
import { Page, Suggestion, Work } from "./annotate-types";

export async function askFor(page: Page, image: string): Promise<Suggestion[]> {
  const address = `/api/annotate/${page.project}/images/${image}`;
  for (;;) {
    const job = await send("POST", `${address}/suggest`);
    if (job.status >= 400) throw new Error(job.body?.detail ?? String(job.status));
    if (job.body.state === "dead") throw new Error(job.body.reason);
    if (job.body.state === "done") break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const fresh = await send("GET", `${address}?as=${page.as}`);
  if (fresh.status >= 400) throw new Error(fresh.body?.detail ?? String(fresh.status));
  return (fresh.body as Work).suggestions ?? [];
}
