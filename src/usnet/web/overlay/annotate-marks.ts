// Marks, the model's suggestions and other readers' boxes as focusable SVG groups. Kind is told by dashes, symbol and words.

import { HANDLES } from "./boxes";
import { fill, percent, set, svg } from "./dom";
import { Picture } from "./picture";
import { Four } from "./types";
import { Desk } from "./annotate-desk";

const SYMBOL: Record<string, string> = { malignant: "▲", benign: "●", unsure: "?" };
interface Shown { id: string; box: Four; kind: string; tag: string; label: string; mark: boolean }

export class Marks {
  private nodes = new Map<string, SVGGElement>();
  constructor(private picture: Picture, private desk: Desk) {}

  focus(id: string): void { this.nodes.get(id)?.focus({ preventScroll: true }); }

  draw(): void {
    const shown = [...this.others(), ...this.suggestions(), ...this.marks()];
    const wanted = new Set(shown.map((s) => s.id));
    for (const [id, node] of this.nodes) if (!wanted.has(id)) { node.remove(); this.nodes.delete(id); }
    for (const one of shown) this.update(one);
  }

  private marks(): Shown[] {
    const { words } = this.desk.page;
    return this.desk.body.marks.map((m, i) => {
      const [x, y, w, h] = m.box.map((v) => v.toFixed(0));
      const label = fill(words.mark, { n: i + 1, label: words[m.pathology ?? "unknown"], birads: m.birads ?? words.noBirads, x, y, w, h });
      const kind = m.pathology ?? "unsure";
      return { id: `mark-${i}`, box: m.box, kind: `${kind} mark`, tag: `${SYMBOL[kind]} ${i + 1}${m.birads ? ` · ${m.birads}` : ""}`, label, mark: true };
    });
  }

  private suggestions(): Shown[] {
    if (!this.desk.suggesting) return [];
    const { words } = this.desk.page;
    return (this.desk.work.suggestions ?? []).map((s, i) => {
      const label = fill(words.suggestion, { n: i + 1, label: words[s.label], p: percent(s.probability) });
      return { id: `suggestion-${i}`, box: s.box, kind: "suggested", tag: `AI ${SYMBOL[s.label]} ${percent(s.probability)}`, label, mark: false };
    });
  }

  private others(): Shown[] {
    const { words } = this.desk.page;
    return this.desk.work.others.flatMap((o) => o.body.marks.map((m, i) => {
      const label = fill(words.ofReader, { r: o.reader, n: i + 1, label: words[m.pathology ?? "unknown"] });
      return { id: `other-${o.reader}-${i}`, box: m.box, kind: "other", tag: `${o.reader} ${SYMBOL[m.pathology ?? "unsure"]}`, label, mark: false };
    }));
  }

  private update(one: Shown): void {
    const node = this.nodes.get(one.id) ?? this.make(one);
    const [x, y, width, height] = one.box;
    set(node, { class: `box ${one.kind}`, "aria-label": one.label });
    for (const rect of node.querySelectorAll("rect.edge, rect.halo, rect.body")) set(rect, { x, y, width, height });
    const unit = 1 / this.picture.pixelsPerUnit;
    const size = 15 * unit;
    const above = one.mark ? y > size * 1.6 : y + height + size * 1.2 > this.desk.work.height;
    const text = node.querySelector("text")!;
    set(text, { x, y: above ? y - 5 * unit : y + height + size, "font-size": size, "stroke-width": 3.5 * unit });
    text.textContent = one.tag;
    const side = 10 * unit;
    for (const handle of node.querySelectorAll<SVGRectElement>("rect.handle")) {
      const name = handle.dataset.handle!;
      const cx = name.includes("w") ? x : name.includes("e") ? x + width : x + width / 2;
      const cy = name.includes("n") ? y : name.includes("s") ? y + height : y + height / 2;
      set(handle, { x: cx - side / 2, y: cy - side / 2, width: side, height: side });
    }
  }

  private make(one: Shown): SVGGElement {
    const node = svg("g", { tabindex: 0, role: "button", "data-id": one.id });
    node.append(svg("rect", { class: "body" }), svg("rect", { class: "halo" }), svg("rect", { class: "edge" }), svg("text"));
    if (one.mark) for (const name of HANDLES) node.append(svg("rect", { class: "handle", "data-handle": name, "aria-hidden": "true" }));
    this.nodes.set(one.id, node);
    this.picture.marks.append(node);
    return node;
  }
}
