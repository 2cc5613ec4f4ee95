// Mouse, touch and keys on the picture: pan, zoom, draw, move and stretch boxes.

import { Boxes, stretched } from "./boxes";
import { fill } from "./dom";
import { Picture } from "./picture";
import { Scoring } from "./scoring";
import { Own, State, within } from "./state";
import { Four } from "./types";

interface Drag { kind: "pan" | "draw" | "move" | "stretch"; from: [number, number]; own?: Own; start?: Four; handle?: string; finding?: string }

const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Stage {
  private drag: Drag | null = null;

  constructor(
    private picture: Picture, private boxes: Boxes, private state: State, private scoring: Scoring | null, private say: (text: string) => void,
  ) {
    const root = picture.root;
    root.addEventListener("pointerdown", (e) => this.down(e));
    root.addEventListener("pointermove", (e) => this.moved(e));
    root.addEventListener("pointerup", (e) => this.up(e));
    root.addEventListener("pointercancel", () => { this.drag = null; });
    root.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    root.addEventListener("keydown", (e) => this.key(e));
  }

  newBox(): void {
    // In the middle, a quarter of the frame: somewhere to start from without a mouse.
    if (!this.scoring) return;
    const { width, height } = this.state.data;
    this.put(this.state.add([width * 0.375, height * 0.375, width / 4, height / 4]));
  }

  private put(own: Own): void {
    this.state.drawing = false;
    this.scoring?.later(own);
    this.state.changed();
    this.boxes.focus(own.id);
  }

  private idOf(target: EventTarget | null): string | null {
    return (target as Element | null)?.closest<SVGGElement>("g.box")?.dataset.id ?? null;
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const from = this.picture.at(event);
    const id = this.idOf(event.target);
    const handle = (event.target as SVGElement).dataset?.handle;
    const own = this.state.own.find((b) => b.id === id);
    if (this.state.drawing && !own) this.drag = { kind: "draw", from };
    else if (own && this.scoring) this.drag = { kind: handle ? "stretch" : "move", from, own, start: own.box, ...(handle ? { handle } : {}) };
    else if (id && this.scoring) this.drag = { kind: "move", from, finding: id };
    else if (this.picture.zoom > 1) this.drag = { kind: "pan", from };
    if (!this.drag) return;
    if (id) this.boxes.focus(id); else this.picture.root.focus({ preventScroll: true });
    this.picture.root.setPointerCapture(event.pointerId);
    event.preventDefault();
  }

  private moved(event: PointerEvent): void {
    const drag = this.drag;
    if (!drag) return;
    const [x, y] = this.picture.at(event);
    const [dx, dy] = [x - drag.from[0], y - drag.from[1]];
    if (drag.kind === "pan") { this.picture.pan(-dx, -dy); return; }
    if (!drag.own) {
      if (Math.hypot(dx, dy) * this.picture.pixelsPerUnit < 4) return;
      if (drag.kind === "draw") { drag.own = this.state.add([drag.from[0], drag.from[1], 2, 2]); drag.start = drag.own.box; }
      else { drag.own = this.copyOf(drag.finding!); drag.start = drag.own.box; }
    }
    const start = drag.start!;
    let box: Four;
    if (drag.kind === "draw") box = [Math.min(x, drag.from[0]), Math.min(y, drag.from[1]), Math.abs(dx), Math.abs(dy)];
    else if (drag.kind === "stretch") box = stretched(start, drag.handle!, dx, dy);
    else box = [start[0] + dx, start[1] + dy, start[2], start[3]];
    drag.own.box = this.rounded(box);
    drag.own.probability = null;
    this.state.changed();
  }

  private up(_event: PointerEvent): void {
    const drag = this.drag;
    this.drag = null;
    if (drag?.own && drag.kind !== "pan" && drag.own.probability === null) this.put(drag.own);
  }

  private copyOf(finding: string): Own {
    return this.state.add([...this.state.findings[Number(finding.split("-")[1])].box]);
  }

  private rounded(box: Four): Four {
    const { width, height } = this.state.data;
    return within(box, width, height).map((v) => Math.round(v * 10) / 10) as Four;
  }

  private wheel(event: WheelEvent): void {
    if (event.ctrlKey) {
      this.picture.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.picture.at(event));
    } else if (this.state.data.frames.length > 1) {
      this.state.show(this.state.frame + Math.sign(event.deltaY));
    } else return;
    event.preventDefault();
    this.state.changed();
  }

  private key(event: KeyboardEvent): void {
    const step = event.altKey ? 10 : 1;
    const arrow = ARROWS[event.key];
    const id = this.idOf(event.target);
    if (arrow && id && this.scoring) this.nudge(id, arrow[0] * step, arrow[1] * step, event.shiftKey);
    else if (arrow) this.picture.pan(arrow[0] * 20 * step / this.picture.pixelsPerUnit, arrow[1] * 20 * step / this.picture.pixelsPerUnit);
    else if ((event.key === "Delete" || event.key === "Backspace") && id?.startsWith("own")) this.removeOwn(id);
    else if (event.key === "Enter" && this.state.drawing && !id) this.newBox();
    else return;
    event.preventDefault();
  }

  private nudge(id: string, dx: number, dy: number, stretch: boolean): void {
    const own = this.state.own.find((b) => b.id === id) ?? this.copyOf(id);
    const [x, y, w, h] = own.box;
    own.box = this.rounded(stretch ? [x, y, Math.max(2, w + dx), Math.max(2, h + dy)] : [x + dx, y + dy, w, h]);
    this.scoring?.later(own);
    this.state.changed();
    this.boxes.focus(own.id);
    const name = fill(this.state.data.words.own, { n: this.state.nameOf(own) });
    const [bx, by, bw, bh] = own.box.map((v) => v.toFixed(0));
    this.say(fill(this.state.data.words.moved, { name, x: bx, y: by, w: bw, h: bh }));
  }

  private removeOwn(id: string): void {
    const own = this.state.own.find((b) => b.id === id)!;
    this.say(fill(this.state.data.words.removed, { name: fill(this.state.data.words.own, { n: this.state.nameOf(own) }) }));
    this.state.remove(id);
    this.picture.root.focus();
  }
}
