// The panel beside the picture: marks with label and BI-RADS, the statement "normal", remark, what has been saved.

import { html, part } from "./dom";
import { Desk } from "./annotate-desk";
import { GRADES, Pathology } from "./annotate-types";

const LABELS: [string, string][] = [["benign", "benign"], ["malignant", "malignant"], ["", "unknown"]];

export class MarkPanel {
  desk!: Desk;

  constructor(private root: HTMLElement, private focus: (mark: number) => void) {
    part<HTMLSelectElement>(root, "birads")!.addEventListener("change", (e) => {
      const value = (e.target as HTMLSelectElement).value || null;
      this.desk.change((body) => { body.birads = value; });
    });
    const note = part<HTMLTextAreaElement>(root, "note")!;
    note.addEventListener("input", () => this.desk.change((body) => { body.note = note.value; }, "note"));
    note.addEventListener("blur", () => this.desk.pause());
  }

  draw(): void {
    const { body, page, finished } = this.desk;
    const { words } = page;
    const list = part(this.root, "marks")!;
    const held = list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.field : undefined;
    list.replaceChildren(...body.marks.map((mark, i) => {
      const label = this.select(`label-${i}`, LABELS.map(([v, w]) => [v, words[w]]), mark.pathology ?? "", `${i + 1}`, (v) => { body.marks[i].pathology = (v || null) as Pathology; });
      const grades: [string, string][] = [["", words.noBirads], ...GRADES.map((g): [string, string] => [g, g])];
      if (mark.birads && !GRADES.includes(mark.birads)) grades.push([mark.birads, mark.birads]);
      const birads = this.select(`birads-${i}`, grades, mark.birads ?? "", `${i + 1}: BI-RADS`, (v) => { body.marks[i].birads = v || null; });
      const go = html("button", { type: "button", class: "quiet", "aria-label": `${i + 1}` }, `${mark.box[2].toFixed(0)} × ${mark.box[3].toFixed(0)}`);
      go.addEventListener("click", () => this.focus(i));
      return html("li", i === this.desk.chosen ? { class: "chosen" } : {}, html("div", { class: "row" }, label, birads, go));
    }));
    if (held) list.querySelector<HTMLElement>(`[data-field="${held}"]`)?.focus();
    part(this.root, "empty")!.hidden = body.marks.length > 0 || body.normal;
    part<HTMLInputElement>(this.root, "normal")!.checked = body.normal;
    const birads = part<HTMLSelectElement>(this.root, "birads")!;
    if (body.birads && ![...birads.options].some((o) => o.value === body.birads)) birads.append(html("option", {}, body.birads));
    birads.value = body.birads ?? "";
    const note = part<HTMLTextAreaElement>(this.root, "note")!;
    if (note.value !== body.note) note.value = body.note;
    this.root.querySelector<HTMLElement>('[data-do="reopen"]')!.hidden = !finished;
  }

  private select(field: string, options: [string, string][], value: string, name: string, set: (value: string) => void): HTMLSelectElement {
    const element = html("select", { "data-field": field, "aria-label": name }, ...options.map(([v, w]) => html("option", { value: v }, w)));
    element.value = value;
    element.addEventListener("change", () => this.desk.change(() => set(element.value)));
    return element;
  }
}
