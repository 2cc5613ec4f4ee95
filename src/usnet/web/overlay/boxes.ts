// Findings and the doctor's own boxes as focusable SVG groups. Kind is told by dash pattern, symbol and words; colour comes last.

import { fill, percent, set, svg } from "./dom";
import { Picture } from "./picture";
import { Own, sizeText, State } from "./state";
import { Four } from "./types";

export const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"] as const;
const SYMBOL: Record<string, string> = { malignant: "▲", benign: "●", own: "◆" };

interface Shown { id: string; box: Four; kind: "malignant" | "benign" | "own"; tag: string; label: string; own: boolean }

export class Boxes {
  private nodes = new Map<string, SVGGElement>();

  constructor(private picture: Picture, private state: State, private editable: boolean) {}

  draw(): void {
    const shown = this.state.hidden || this.state.covered ? [] : [...this.findings(), ...this.own()];
    const wanted = new Set(shown.map((s) => s.id));
    for (const [id, node] of this.nodes) {
      if (!wanted.has(id)) { node.remove(); this.nodes.delete(id); }
    }
    for (const one of shown) this.update(one);
  }

  focus(id: string): void { this.nodes.get(id)?.focus(); }

  private findings(): Shown[] {
    const { state } = this;
    const words = state.data.words;
    return state.findings.map((f, i) => {
      const kind = f.probability >= state.threshold ? "malignant" : "benign";
      const name = fill(words.finding, { n: i + 1 });
      const label = fill(words.boxLabel, { name, label: words[kind], p: percent(f.probability), size: sizeText(f.box, state.data) });
      return { id: `finding-${i}`, box: f.box, kind, tag: `${SYMBOL[kind]} ${i + 1}`, label, own: false };
    });
  }

  private own(): Shown[] {
    const { state } = this;
    const words = state.data.words;
    return state.ownHere.map((b: Own) => {
      const name = fill(words.own, { n: state.nameOf(b) });
      const size = sizeText(b.box, state.data);
      const label = b.probability === null
        ? fill(words.ownUnscored, { name, size })
        : fill(words.boxLabel, { name, label: words[b.probability >= state.threshold ? "malignant" : "benign"], p: percent(b.probability), size });
      const said = b.probability === null ? "" : ` ${percent(b.probability)}`;
      return { id: b.id, box: b.box, kind: "own", tag: `${SYMBOL.own} ${state.nameOf(b)}${said}`, label, own: true };
    });
  }

  private update(one: Shown): void {
    const node = this.nodes.get(one.id) ?? this.make(one);
    const [x, y, width, height] = one.box;
    set(node, { class: `box ${one.kind}`, "aria-label": one.label });
    for (const rect of node.querySelectorAll("rect.edge, rect.halo, rect.body")) set(rect, { x, y, width, height });
    const unit = 1 / this.picture.pixelsPerUnit;
    const size = 15 * unit;
    const above = y > size * 1.6;
    const text = node.querySelector("text")!;
    set(text, { x, y: above ? y - 5 * unit : y + height + size, "font-size": size, "stroke-width": 3.5 * unit });
    text.textContent = one.tag;
    if (one.own && this.editable) this.handles(node, one.box, unit);
  }

  private make(one: Shown): SVGGElement {
    const node = svg("g", { tabindex: 0, role: "button", "data-id": one.id });
    node.append(svg("rect", { class: "body" }), svg("rect", { class: "halo" }), svg("rect", { class: "edge" }), svg("text"));
    if (one.own && this.editable) {
      for (const name of HANDLES) node.append(svg("rect", { class: "handle", "data-handle": name, "aria-hidden": "true" }));
    }
    this.nodes.set(one.id, node);
    this.picture.marks.append(node);
    return node;
  }

  private handles(node: SVGGElement, [x, y, w, h]: Four, unit: number): void {
    const side = 10 * unit;
    for (const handle of node.querySelectorAll<SVGRectElement>("rect.handle")) {
      const name = handle.dataset.handle!;
      const cx = name.includes("w") ? x : name.includes("e") ? x + w : x + w / 2;
      const cy = name.includes("n") ? y : name.includes("s") ? y + h : y + h / 2;
      set(handle, { x: cx - side / 2, y: cy - side / 2, width: side, height: side });
    }
  }
}

// A box with some of its edges moved.
export function stretched([x, y, w, h]: Four, handle: string, dx: number, dy: number): Four {
  const left = handle.includes("w") ? Math.min(x + dx, x + w - 2) : x;
  const top = handle.includes("n") ? Math.min(y + dy, y + h - 2) : y;
  const right = handle.includes("e") ? Math.max(x + w + dx, x + 2) : x + w;
  const bottom = handle.includes("s") ? Math.max(y + h + dy, y + 2) : y + h;
  return [left, top, right - left, bottom - top];
}
