// The image: zoom, move, window; boxes drawn on it. Coordinates are image pixels: x, y, width, height.

const SVG = "http://www.w3.org/2000/svg";

class Stage {
  constructor(stage, canvas, image, layer, { drawing, changed }) {
    Object.assign(this, { stage, canvas, image, layer, drawing, changed });
    this.list = []; this.boxes = []; this.active = -1;
    this.scale = 1; this.x = 0; this.y = 0; this.width = 1; this.height = 1;
    stage.addEventListener("wheel", (e) => { e.preventDefault(); this.zoom(e.deltaY < 0 ? 1.1 : 1 / 1.1, e); }, { passive: false });
    stage.addEventListener("pointerdown", (e) => this.down(e));
    stage.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(() => this.fit()).observe(stage);
  }

  async load(address, width, height) {
    this.width = width; this.height = height;
    this.layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.setBoxes([]);
    this.image.width = width; this.image.height = height;
    this.image.src = address;
    await this.image.decode().catch(() => {});
    this.window(100, 100);
    for (const id of ["brightness", "contrast"]) document.getElementById(id).value = 100;
    this.fit();
  }

  fit() {
    const { clientWidth: w, clientHeight: h } = this.stage;
    this.scale = Math.min(w / this.width, h / this.height);
    this.x = (w - this.width * this.scale) / 2;
    this.y = (h - this.height * this.scale) / 2;
    this.place();
  }

  zoom(factor, at) {
    const box = this.stage.getBoundingClientRect();
    const px = at ? at.clientX - box.left : box.width / 2;
    const py = at ? at.clientY - box.top : box.height / 2;
    const scale = Math.min(Math.max(this.scale * factor, 0.1), 20);
    this.x = px - (px - this.x) * scale / this.scale;
    this.y = py - (py - this.y) * scale / this.scale;
    this.scale = scale;
    this.place();
  }

  place() { this.canvas.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`; }

  window(brightness, contrast) { this.image.style.filter = `brightness(${brightness}%) contrast(${contrast}%)`; }

  point(event) {
    const box = this.stage.getBoundingClientRect();
    const x = (event.clientX - box.left - this.x) / this.scale, y = (event.clientY - box.top - this.y) / this.scale;
    return [Math.min(Math.max(x, 0), this.width), Math.min(Math.max(y, 0), this.height)];
  }

  down(event) {
    if (event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    const draws = this.drawing && !event.shiftKey;
    const from = this.point(event), start = [event.clientX - this.x, event.clientY - this.y];
    const move = (e) => {
      if (!draws) { this.x = e.clientX - start[0]; this.y = e.clientY - start[1]; this.place(); return; }
      const to = this.point(e);
      this.sketch = [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])];
      this.draw();
    };
    const up = () => {
      this.stage.removeEventListener("pointermove", move);
      const box = this.sketch; this.sketch = null;
      if (box && box[2] > 3 && box[3] > 3) this.add(box); else this.draw();
    };
    this.stage.addEventListener("pointermove", move);
    this.stage.addEventListener("pointerup", up, { once: true });
  }

  key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (event.key === "Delete" && this.active >= 0) this.removeMark(this.active);
    else if (step && this.active >= 0) this.nudge(step, event.shiftKey);
    else if (step) { this.x -= 30 * step[0]; this.y -= 30 * step[1]; this.place(); }
    else return;
    event.preventDefault();
  }

  nudge([dx, dy], size) {
    const [x, y, w, h] = this.list[this.active].box, by = Math.max(this.width, this.height) / 100;
    const limit = (value, most) => Math.min(Math.max(value, 0), most);
    const box = size
      ? [x, y, limit(Math.max(w + dx * by, 4), this.width - x), limit(Math.max(h + dy * by, 4), this.height - y)]
      : [limit(x + dx * by, this.width - w), limit(y + dy * by, this.height - h), w, h];
    this.list[this.active] = { ...this.list[this.active], box: box.map((v) => Math.round(10 * v) / 10) };
    this.tell();
  }

  add(box) {
    this.list.push({ box: box.map((v) => Math.round(10 * v) / 10), confidence: 50 });
    this.active = this.list.length - 1;
    this.tell();
  }

  addMark() { this.add([this.width * 0.4, this.height * 0.4, this.width * 0.2, this.height * 0.2]); }
  removeMark(i) { this.list.splice(i, 1); this.active = -1; this.tell(); }
  setConfidence(i, value) { this.list[i] = { ...this.list[i], confidence: value }; }
  activate(i) { this.active = i; this.draw(); }
  setMarks(marks) { this.list = marks.map((m) => ({ ...m })); this.active = -1; this.tell(); }
  setBoxes(boxes) { this.boxes = boxes; this.draw(); }
  marks() { return this.list; }
  tell() { this.draw(); this.changed(this.list); }

  draw() {
    const shapes = [
      ...this.boxes.map(({ box, kind }) => ({ box, kind })),
      ...this.list.map((m, i) => ({ box: m.box, kind: i === this.active ? "mark active" : "mark" })),
      ...(this.sketch ? [{ box: this.sketch, kind: "mark active" }] : []),
    ];
    this.layer.replaceChildren(...shapes.map(({ box: [x, y, width, height], kind }) => {
      const shape = document.createElementNS(SVG, "rect");
      for (const [name, value] of Object.entries({ x, y, width, height, class: kind })) shape.setAttribute(name, value);
      return shape;
    }));
  }
}

globalThis.usnetStudy = { ...globalThis.usnetStudy, Stage };
