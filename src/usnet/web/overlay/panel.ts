// What is said about the frame: warnings before any number, then the opinion, then each finding among known nodules.

import { fill, html, part, percent, set, svg } from "./dom";
import { sizeText, State } from "./state";
import { Candidate, Reference } from "./types";

const SYMBOL: Record<string, string> = { malignant: "▲", benign: "●", normal: "○" };

export class Panel {
  private last = "";

  constructor(private root: HTMLElement, private state: State) {
    part(root, "anyway")!.addEventListener("click", () => { state.acknowledged = true; state.changed(); });
    state.on(() => this.draw());
  }

  draw(): void {
    const { state } = this;
    this.warnings();
    part(this.root, "numbers")!.hidden = state.covered;
    const key = `${state.frame} ${state.point} ${state.covered}`;
    if (key === this.last) return;
    this.last = key;
    const opinion = state.current.opinions[state.point];
    const words = state.data.words;
    part(this.root, "origin")!.textContent = state.data.points.find((p) => p.name === state.point)!.origin;
    part(this.root, "call")!.replaceChildren(
      html("span", { class: `label ${opinion.label}` }, `${SYMBOL[opinion.label]} ${words[opinion.label]}`),
      ...(opinion.label === "normal" ? [html("span", { class: "small" }, ` ${words.noFinding}`)] : []),
    );
    part(this.root, "bars")!.replaceChildren(
      ...(["malignant", "benign", "normal"] as const).flatMap((name) => this.bar(name, opinion[`p_${name}`])),
    );
    part(this.root, "findings")!.replaceChildren(...state.findings.map((f, i) => this.finding(f, i)));
    const s = state.data.spacing;
    part(this.root, "spacing")!.textContent = s
      ? fill(words.calibratedBy, { source: s.source ?? "?", row: s.row.toPrecision(3), column: s.column.toPrecision(3) })
      : words.notCalibrated;
  }

  private warnings(): void {
    const section = this.root.querySelector<HTMLElement>('[data-panel="warnings"]')!;
    const texts = this.state.current.warnings;
    section.hidden = texts.length === 0;
    section.classList.toggle("grave", this.state.current.grave);
    const list = part(this.root, "warnings")!;
    if (list.textContent !== texts.join("")) list.replaceChildren(...texts.map((text) => html("li", {}, text)));
    part(this.root, "anyway")!.hidden = !this.state.covered;
  }

  private bar(name: string, p: number): Node[] {
    const track = svg("svg", { class: "track", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
    track.append(svg("rect", { class: name, x: 0, y: 0, width: 100 * p, height: 8 }));
    return [html("dt", {}, this.state.data.words[name]), html("dd", {}, track, html("span", {}, percent(p)))];
  }

  private finding(f: Candidate, i: number): HTMLElement {
    const { state } = this;
    const words = state.data.words;
    const kind = f.probability >= state.threshold ? "malignant" : "benign";
    return html(
      "article", { class: "finding" },
      html("h3", {}, html("span", { class: `label ${kind}` }, `${SYMBOL[kind]} ${fill(words.finding, { n: i + 1 })}: ${words[kind]}`)),
      html("p", {}, `${words.probability} `, html("strong", {}, percent(f.probability)), `, ${fill(words.score, { s: f.score.toFixed(2) })}, ${sizeText(f.box, state.data)}`),
      ...this.context(f.probability),
    );
  }

  private context(p: number): HTMLElement[] {
    const { reference, words } = this.state.data;
    const threshold = fill(words.threshold, { t: percent(this.state.threshold) });
    if (!reference) return [html("p", { class: "small" }, `${threshold} ${words.noReference}`)];
    const text = fill(words.below, { b: share(reference.benign, p), m: share(reference.malignant, p) });
    const figure = html("figure", { class: "context" });
    figure.append(histogram(reference, p, this.state.threshold, fill(words.outline, { p: percent(p) })));
    figure.append(html("figcaption", { class: "small" }, `${text} ${threshold}`));
    return [figure];
  }
}

function share(values: number[], p: number): string {
  return percent(values.filter((v) => v <= p).length / values.length);
}

// Benign nodules above the line, malignant ones below, each scaled to its own largest bin; where p and the threshold lie.
function histogram(reference: Reference, p: number, threshold: number, label: string): SVGSVGElement {
  const drawing = svg("svg", { viewBox: "0 0 200 56", role: "img", "aria-label": label });
  for (const [kind, up] of [["benign", true], ["malignant", false]] as const) {
    const counts = reference.bins[kind];
    const most = Math.max(...counts, 1);
    counts.forEach((count, i) => {
      const height = 22 * (count / most);
      drawing.append(svg("rect", { class: kind, x: (200 * i) / counts.length + 0.5, width: 200 / counts.length - 1, y: up ? 27 - height : 29, height }));
    });
  }
  drawing.append(svg("line", { class: "axis", x1: 0, x2: 200, y1: 28, y2: 28 }));
  drawing.append(svg("line", { class: "threshold", x1: 200 * threshold, x2: 200 * threshold, y1: 4, y2: 52 }));
  const here = svg("path", { class: "here" });
  set(here, { d: `M${200 * p} 0 l4 -0 l-4 7 l-4 -7 z M${200 * p} 7 V56` });
  drawing.append(here);
  return drawing;
}
