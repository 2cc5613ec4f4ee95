// A loop: slider, play, and a strip that shows on which frames something was found.

import { fill, part, set, svg } from "./dom";
import { State } from "./state";

const MILLISECONDS = 66;

export class Cine {
  private timer = 0;

  constructor(private root: HTMLElement, private state: State) {
    this.slider.addEventListener("input", () => state.show(Number(this.slider.value)));
  }

  private get slider(): HTMLInputElement { return part<HTMLInputElement>(this.root, "slider")!; }

  toggle(): void {
    if (this.timer) { window.clearInterval(this.timer); this.timer = 0; }
    else this.timer = window.setInterval(() => this.state.show((this.state.frame + 1) % this.state.data.frames.length), MILLISECONDS);
    this.root.querySelector('[data-do="play"]')!.textContent = this.timer ? this.state.data.words.pause : this.state.data.words.play;
  }

  strongest(): void {
    const best = (i: number) => Math.max(-1, ...this.state.data.frames[i].opinions[this.state.point].findings.map((f) => this.state.data.frames[i].candidates[f].probability));
    let chosen = 0;
    for (let i = 1; i < this.state.data.frames.length; i += 1) if (best(i) > best(chosen)) chosen = i;
    this.state.show(chosen);
  }

  draw(): void {
    const { state } = this;
    const { frames, words } = state.data;
    this.slider.value = String(state.frame);
    const text = fill(words.frame, { n: state.frame + 1, total: frames.length });
    this.slider.setAttribute("aria-valuetext", text);
    part(this.root, "frame")!.textContent = text;
    const strip = part<SVGSVGElement>(this.root, "strip")!;
    strip.replaceChildren();
    set(strip, { viewBox: `0 0 ${frames.length} 20` });
    let found = 0;
    const covered = !state.acknowledged && frames.some((f) => f.grave);
    frames.forEach((frame, i) => {
      const opinion = frame.opinions[state.point];
      if (!opinion.findings.length || covered) return;
      found += 1;
      const p = Math.max(...opinion.findings.map((f) => frame.candidates[f].probability));
      const height = 2 + 18 * p;
      strip.append(svg("rect", { class: opinion.label, x: i, y: 20 - height, width: 0.86, height }));
    });
    strip.append(svg("rect", { class: "cursor", x: state.frame, y: 0, width: 1, height: 20 }));
    part(this.root, "summary")!.textContent = covered ? "" : fill(words.cineSummary, { n: found, total: frames.length });
    for (const near of [state.frame + 1, state.frame + 2, state.frame - 1]) {
      if (frames[near]) new Image().src = frames[near].picture; // so that the next frame is there when it is wanted
    }
  }
}
