// One picture with its tools; the page with findings has one, the comparison two.

import { Boxes } from "./boxes";
import { Cine } from "./cine";
import { fill, part } from "./dom";
import { Picture } from "./picture";
import { Scoring } from "./scoring";
import { Stage } from "./stage";
import { State } from "./state";

export class Viewer {
  readonly picture: Picture;
  private boxes: Boxes;
  private stage: Stage;
  private cine: Cine | null;

  constructor(readonly root: HTMLElement, readonly state: State, editable: boolean) {
    const drawing = part<SVGSVGElement>(root, "svg")!;
    this.picture = new Picture(drawing, state.data, root.dataset.viewer!);
    this.boxes = new Boxes(this.picture, state, editable);
    const say = (text: string) => { part(root, "said")!.textContent = text; };
    const scoring = editable ? new Scoring(state, say) : null;
    this.stage = new Stage(this.picture, this.boxes, state, scoring, say);
    this.cine = state.data.frames.length > 1 ? new Cine(root, state) : null;
    root.addEventListener("click", (e) => this.pressed((e.target as HTMLElement).closest<HTMLElement>("[data-do]")?.dataset.do));
    for (const name of ["width", "level"]) part(root, name)!.addEventListener("input", () => this.window());
    root.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(() => this.boxes.draw()).observe(drawing);
    state.on(() => this.draw());
  }

  draw(): void {
    const { state } = this;
    this.picture.show(state.current.picture);
    this.boxes.draw();
    this.cine?.draw();
    this.root.classList.toggle("drawing", state.drawing);
    this.press("draw", state.drawing);
    this.press("hide", state.hidden);
    part(this.root, "zoom")!.textContent = `${Math.round(100 * this.picture.zoom)} %`;
  }

  private press(name: string, on: boolean): void {
    this.root.querySelector(`[data-do="${name}"]`)?.setAttribute("aria-pressed", String(on));
  }

  private window(): void {
    const value = (name: string) => Number(part<HTMLInputElement>(this.root, name)!.value) / 100;
    this.picture.window(value("width"), value("level"));
  }

  private pressed(what: string | undefined): void {
    const { state, picture } = this;
    const actions: Record<string, () => void> = {
      in: () => picture.zoomBy(1.4),
      out: () => picture.zoomBy(1 / 1.4),
      fit: () => picture.fit(),
      draw: () => this.drawMode(),
      hide: () => {
        if (this.picture.marks.contains(document.activeElement)) this.picture.root.focus(); // the box that has the focus goes away
        state.hidden = !state.hidden;
        this.say(state.hidden ? state.data.words.hidden : state.data.words.shown);
      },
      previous: () => state.show(state.frame - 1),
      next: () => state.show(state.frame + 1),
      play: () => this.cine?.toggle(),
      strongest: () => this.cine?.strongest(),
    };
    if (!what || !actions[what]) return;
    actions[what]();
    state.changed();
  }

  private drawMode(): void {
    this.state.drawing = !this.state.drawing;
    if (!this.state.drawing) return;
    this.state.hidden = false;
    this.say(this.state.data.words.drawHint);
    this.picture.root.focus();
  }

  private say(text: string): void { part(this.root, "said")!.textContent = fill(text, {}); }

  private key(event: KeyboardEvent): void {
    if ((event.target as HTMLElement).matches("input, select, textarea, button") || event.ctrlKey || event.metaKey) return;
    const keys: Record<string, string> = { "+": "in", "=": "in", "-": "out", "0": "fit", h: "hide", ",": "previous", ".": "next", " ": "play" };
    const key = event.key.toLowerCase();
    if (key === "b") this.stage.newBox();
    else if (key === "o") this.nextPoint();
    else if (keys[key]) this.pressed(keys[key]);
    else return;
    event.preventDefault();
  }

  private nextPoint(): void {
    const radios = [...document.querySelectorAll<HTMLInputElement>('input[name="point"]')];
    radios[(radios.findIndex((r) => r.checked) + 1) % radios.length]?.click();
  }
}
