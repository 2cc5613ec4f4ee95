// The frame in its SVG: zoom and pan by the viewBox, window and level by a linear filter.

import { set, svg } from "./dom";
interface Size { width: number; height: number }

const MOST = 12;

export class Picture {
  zoom = 1;
  private x = 0;
  private y = 0;
  private image = svg("image");
  private functions: SVGElement[];
  readonly marks = svg("g");

  constructor(readonly root: SVGSVGElement, private data: Size, name: string) {
    const filter = svg("filter", { id: `window-${name}`, "color-interpolation-filters": "sRGB", x: 0, y: 0, width: 1, height: 1 });
    const transfer = svg("feComponentTransfer");
    this.functions = [svg("feFuncR"), svg("feFuncG"), svg("feFuncB")];
    transfer.append(...this.functions);
    filter.append(transfer);
    set(this.image, { x: 0, y: 0, width: data.width, height: data.height, filter: `url(#window-${name})`, preserveAspectRatio: "none" });
    root.append(filter, this.image, this.marks);
    root.style.aspectRatio = `${data.width} / ${data.height}`;
    this.window(1, 0.5);
  }

  show(address: string): void { this.image.setAttribute("href", address); }

  window(width: number, level: number): void {
    for (const f of this.functions) set(f, { type: "linear", slope: 1 / width, intercept: 0.5 - level / width });
  }

  get pixelsPerUnit(): number { return (this.root.clientWidth || this.data.width) / (this.data.width / this.zoom); }

  at(event: { clientX: number; clientY: number }): [number, number] {
    const matrix = this.root.getScreenCTM();
    if (!matrix) return [0, 0];
    const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
    return [p.x, p.y];
  }

  zoomBy(factor: number, around?: [number, number]): void {
    const centre = around ?? [this.x + this.data.width / this.zoom / 2, this.y + this.data.height / this.zoom / 2];
    const zoom = Math.max(1, Math.min(MOST, this.zoom * factor));
    const shrink = this.zoom / zoom;
    this.x = centre[0] - (centre[0] - this.x) * shrink;
    this.y = centre[1] - (centre[1] - this.y) * shrink;
    this.zoom = zoom;
    this.apply();
  }

  fit(): void { this.zoom = 1; this.x = this.y = 0; this.apply(); }

  pan(dx: number, dy: number): void { this.x += dx; this.y += dy; this.apply(); }

  private apply(): void {
    const w = this.data.width / this.zoom;
    const h = this.data.height / this.zoom;
    this.x = Math.max(0, Math.min(this.x, this.data.width - w));
    this.y = Math.max(0, Math.min(this.y, this.data.height - h));
    this.root.setAttribute("viewBox", `${this.x} ${this.y} ${w} ${h}`);
    this.root.classList.toggle("zoomed", this.zoom > 1);
  }
}
