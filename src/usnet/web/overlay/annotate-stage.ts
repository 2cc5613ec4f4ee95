// Mouse and keys on the picture: draw, move and stretch marks.

import { stretched } from "./boxes";
import { fill } from "./dom";
import { Picture } from "./picture";
import { within } from "./state";
import { Four } from "./types";
import { Desk } from "./annotate-desk";
import { Marks } from "./annotate-marks";

interface Drag { kind: "pan" | "draw" | "move" | "stretch"; from: [number, number]; mark: number; start: Four | null; handle: string; flow: string }
const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let drags = 0;

export class MarkStage {
  picture!: Picture;
  marks!: Marks;
  desk!: Desk;
  private drag: Drag | null = null;

  constructor(readonly root: SVGSVGElement, private say: (text: string) => void) {
    root.addEventListener("pointerdown", (e) => this.down(e));
    root.addEventListener("pointermove", (e) => this.moved(e));
    root.addEventListener("pointerup", () => this.up());
    root.addEventListener("pointercancel", () => this.up());
    root.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    root.addEventListener("focusin", (e) => this.choose(e.target));
  }

  put(desk: Desk): void {
    this.drag = null;
    this.desk = desk;
    this.root.replaceChildren();
    const { width, height } = desk.work;
    this.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.picture = new Picture(this.root, { width, height }, "annotate");
    this.picture.show(desk.work.picture);
    this.marks = new Marks(this.picture, desk);
  }

  draw(): void { this.marks.draw(); }

  // In the middle, a quarter of the frame: somewhere to start from without a mouse.
  middle(): void {
    const { width, height } = this.desk.work;
    const mark = this.desk.add(this.rounded([width * 0.375, height * 0.375, width / 4, height / 4]));
    this.desk.drawing = false;
    this.desk.pause();
    this.draw();
    this.marks.focus(`mark-${mark}`);
    this.tell(mark);
  }

  arrow(event: KeyboardEvent): boolean {
    const arrow = ARROWS[event.key];
    if (!arrow) return false;
    const step = event.altKey ? 10 : 1;
    const mark = this.markOf(event.target);
    if (mark < 0) this.picture.pan((arrow[0] * 20 * step) / this.picture.pixelsPerUnit, (arrow[1] * 20 * step) / this.picture.pixelsPerUnit);
    else this.nudge(mark, arrow[0] * step, arrow[1] * step, event.shiftKey);
    return true;
  }

  tell(mark: number): void {
    const found = this.desk.body.marks[mark];
    if (!found) return;
    const [x, y, w, h] = found.box.map((v) => v.toFixed(0));
    this.say(fill(this.desk.page.words.moved, { n: mark + 1, x, y, w, h }));
  }

  private nudge(mark: number, dx: number, dy: number, stretch: boolean): void {
    this.desk.change((body) => {
      const [x, y, w, h] = body.marks[mark].box;
      body.marks[mark].box = this.rounded(stretch ? [x, y, Math.max(2, w + dx), Math.max(2, h + dy)] : [x + dx, y + dy, w, h]);
    }, `keys-${mark}-${stretch}`);
    this.tell(mark);
  }

  private rounded(box: Four): Four {
    const { width, height } = this.desk.work;
    const [x, y, w, h] = within(box, width, height).map((v) => Math.round(v * 10) / 10);
    return [x, y, Math.min(w, width - x), Math.min(h, height - y)];
  }

  private idOf(target: EventTarget | null): string { return (target as Element | null)?.closest<SVGGElement>("g.box")?.dataset.id ?? ""; }
  markOf(target: EventTarget | null): number { const id = this.idOf(target); return id.startsWith("mark-") ? Number(id.slice(5)) : -1; }
  suggestionOf(target: EventTarget | null): number { const id = this.idOf(target); return id.startsWith("suggestion-") ? Number(id.slice(11)) : -1; }

  private choose(target: EventTarget | null): void {
    const mark = this.markOf(target);
    if (mark >= 0) { this.desk.chosen = mark; this.desk.pause(); this.root.dispatchEvent(new CustomEvent("chosen")); }
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const mark = this.markOf(event.target);
    const handle = (event.target as SVGElement).dataset?.handle ?? "";
    const start = mark < 0 ? null : this.desk.body.marks[mark].box;
    const empty = mark < 0 && this.suggestionOf(event.target) < 0;
    let kind: Drag["kind"] | null = null;
    if (this.desk.drawing && !handle) kind = "draw";
    else if (mark >= 0) kind = handle ? "stretch" : "move";
    else if (empty) kind = this.picture.zoom > 1 && !event.shiftKey ? "pan" : "draw";
    if (!kind) return;
    this.drag = { kind, from: this.picture.at(event), mark: kind === "draw" ? -1 : mark, start, handle, flow: `drag-${++drags}` };
    if (mark >= 0 && kind !== "draw") this.marks.focus(`mark-${mark}`); else this.root.focus({ preventScroll: true });
    this.root.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  private moved(event: PointerEvent): void {
    const drag = this.drag;
    if (!drag) return;
    const [x, y] = this.picture.at(event);
    const [dx, dy] = [x - drag.from[0], y - drag.from[1]];
    if (drag.kind === "pan") { this.picture.pan(-dx, -dy); return; }
    if (drag.kind === "draw") {
      if (drag.mark < 0 && Math.hypot(dx, dy) * this.picture.pixelsPerUnit < 5) return;
      const box = this.rounded([Math.min(x, drag.from[0]), Math.min(y, drag.from[1]), Math.abs(dx), Math.abs(dy)]);
      if (drag.mark < 0) drag.mark = this.desk.add(box, {}, drag.flow);
      else this.desk.change((body) => { body.marks[drag.mark].box = box; }, drag.flow);
      return;
    }
    const start = drag.start!;
    const box = drag.kind === "stretch" ? stretched(start, drag.handle, dx, dy) : ([start[0] + dx, start[1] + dy, start[2], start[3]] as Four);
    this.desk.change((body) => { body.marks[drag.mark].box = this.rounded(box); }, drag.flow);
  }

  private up(): void {
    const drag = this.drag;
    this.drag = null;
    if (!drag || drag.mark < 0) return;
    this.desk.drawing = false;
    this.desk.pause();
    this.draw();
    this.marks.focus(`mark-${drag.mark}`);
    this.tell(drag.mark);
  }

  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey) return;
    this.picture.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.picture.at(event));
    event.preventDefault();
    this.draw();
  }
}
