// Report buttons: the server makes the file in a worker, then the browser saves it.

import { fill, html, part, send, settled } from "./dom";
import { State } from "./state";

export function reports(root: HTMLElement, state: State): void {
  const { exam, words } = state.data;
  const say = (...text: (Node | string)[]) => part(root, "report")!.replaceChildren(...text);
  for (const button of root.querySelectorAll<HTMLButtonElement>("[data-report]")) {
    button.addEventListener("click", async () => {
      say(words.making);
      button.disabled = true;
      try {
        const job = await settled(await send("POST", `/api/exams/${exam}/reports`, { format: button.dataset.report, point: state.point }));
        const link = html("a", { href: `/api/exams/${exam}/reports/${job.job}`, download: "" }, words.ready);
        say(link);
        link.click();
      } catch (error) {
        say(fill(words.failed, { why: (error as Error).message }));
      }
      button.disabled = false;
    });
  }
}
