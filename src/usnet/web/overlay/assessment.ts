// The doctor's fields: saved when asked, with the version that was seen, so that two doctors do not overwrite one another.

import { fill, html, part, percent, send } from "./dom";
import { sizeText, State } from "./state";

export class Assessment {
  private version: number;
  private clean: string;

  constructor(private root: HTMLElement, private state: State) {
    this.version = state.data.assessment?.version ?? 0;
    this.clean = this.text();
    const form = part<HTMLFormElement>(root, "assessment")!;
    form.addEventListener("submit", (e) => { e.preventDefault(); void this.save(); });
    form.addEventListener("input", () => this.told());
    state.on(() => { this.list(); this.told(); });
    window.addEventListener("beforeunload", (e) => { if (this.text() !== this.clean) e.preventDefault(); });
  }

  private fields(): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    for (const [name, value] of new FormData(part<HTMLFormElement>(this.root, "assessment")!)) {
      fields[name] = name === "remarks" ? value : value || null;
    }
    fields.boxes = this.state.own.map(({ frame, box, probability, score }) => ({ frame, box, probability, score }));
    return fields;
  }

  private text(): string { return JSON.stringify(this.fields()); }

  private say(text: string): void { part(this.root, "saved")!.textContent = text; }

  private told(): void {
    const { words } = this.state.data;
    if (this.text() !== this.clean) this.say(words.unsaved);
    else if (this.version) this.say(fill(words.saved, { v: this.version }));
    else this.say("");
  }

  private async save(): Promise<void> {
    const { exam, view, words } = this.state.data;
    const sent = this.text();
    this.say(words.saving);
    try {
      const answer = await send("PUT", `/api/exams/${exam}/views/${view}/assessment`, { version: this.version, fields: JSON.parse(sent) });
      if (answer.status === 409) this.say(fill(words.conflict, { v: answer.body.version }));
      else if (answer.status !== 200) this.say(fill(words.failed, { why: answer.body?.detail ?? answer.status }));
      else {
        this.version = answer.body.version;
        this.clean = sent;
        this.told();
      }
    } catch (error) {
      this.say(fill(words.failed, { why: (error as Error).message }));
    }
  }

  private list(): void {
    const { state } = this;
    const { words } = state.data;
    const target = part(this.root, "own")!;
    const key = JSON.stringify(state.own);
    if (target.dataset.key === key) return;
    target.dataset.key = key;
    target.replaceChildren(...state.own.map((own) => {
      const name = fill(words.own, { n: state.nameOf(own) });
      const said = own.problem ? fill(words.scoreFailed, { why: own.problem })
        : own.probability === null ? (own.pending ? words.scoring : "")
        : `${words.probability} ${percent(own.probability)}, ${fill(words.score, { s: (own.score ?? 0).toFixed(2) })}`;
      const remove = html("button", { type: "button", class: "quiet", "aria-label": `${words.remove}: ${name}` }, words.remove);
      remove.addEventListener("click", () => state.remove(own.id));
      const place = state.data.frames.length > 1 ? ` (${fill(words.frame, { n: own.frame + 1, total: state.data.frames.length })})` : "";
      return html("p", { class: "own" }, html("strong", {}, `◆ ${name}`), `${place}: ${sizeText(own.box, state.data)}. ${said} `, remove);
    }));
  }
}
