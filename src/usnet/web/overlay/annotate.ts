// The page on which one image after another is annotated, without loading the page anew.

import { fill, part, readJson, send } from "./dom";
import { Desk } from "./annotate-desk";
import { askFor } from "./annotate-suggest";
import { MarkPanel } from "./annotate-panel";
import { Saver } from "./annotate-saver";
import { MarkStage } from "./annotate-stage";
import { Body, GRADES, Page, Pathology, Row, Work, same } from "./annotate-types";

class Annotator {
  private rows: Row[] = [];
  private desk!: Desk;
  private stage: MarkStage;
  private panel: MarkPanel;
  private saver: Saver;
  private told = new Map<string, { text: string; trouble: boolean }>();
  private desks = new Map<string, Desk>();
  private suggesting = false;

  constructor(private page: Page, private root: HTMLElement) {
    this.stage = new MarkStage(part<SVGSVGElement>(root, "svg")!, (text) => this.say(text));
    this.panel = new MarkPanel(root, (mark) => this.stage.marks.focus(`mark-${mark}`));
    this.saver = new Saver(page, (image, text, trouble) => this.tell(image, text, trouble), (image, finished, body) => this.counted(image, finished, body),
      (fresh) => { this.desks.delete(fresh.image); if (fresh.image === this.page.image) void this.open(fresh.image, false); });
    this.stage.root.addEventListener("chosen", () => this.panel.draw());
    root.addEventListener("click", (e) => this.pressed((e.target as HTMLElement).closest<HTMLElement>("[data-do]")?.dataset.do ?? ""));
    document.addEventListener("keydown", (e) => this.key(e));
    part(root, "normal")!.addEventListener("change", () => { this.normal(); this.panel.draw(); });
    for (const name of ["width", "level"]) part(root, name)!.addEventListener("input", () => this.window());
    part(root, "past")!.addEventListener("click", () => void this.history());
    window.addEventListener("popstate", () => { const found = location.pathname.split("/").pop()!; if (found !== this.page.image) void this.open(found, false); });
    new ResizeObserver(() => { if (this.desk) this.stage.draw(); }).observe(this.stage.root);
  }

  async start(): Promise<void> {
    const listed = send("GET", `/api/annotate/${this.page.project}/images?as=${this.page.as}`);
    await this.open(this.page.image, false);
    this.rows = (await listed).body as Row[];
    this.place();
    this.stage.root.focus({ preventScroll: true });
  }

  private async open(image: string, walk = true): Promise<void> {
    const answer = await send("GET", `/api/annotate/${this.page.project}/images/${image}?as=${this.page.as}`).catch((e: Error) => ({ status: 0, body: { detail: e.message } }));
    if (answer.status !== 200) { this.say(fill(this.page.words.cannotLoad, { why: answer.body?.detail ?? answer.status })); return; }
    const work = answer.body as Work;
    const kept = this.desks.get(image);
    const unsent = this.saver.pending(image);
    this.saver.seen(image, work.version);
    if (unsent) { work.body = unsent.body; work.finished = unsent.finished; }
    this.page.image = image;
    // An image that was left a moment ago keeps its undo, as long as nothing else changed it.
    this.desk = kept && same(kept.body, work.body) ? kept : new Desk(this.page, work, (b, f) => this.saver.later(image, b, f), () => this.shown(image));
    this.desks.set(image, this.desk);
    if (this.desks.size > 30) this.desks.delete(this.desks.keys().next().value!);
    this.desk.suggesting = this.suggesting && work.suggestions !== null;
    this.desk.chosen = -1;
    this.stage.put(this.desk);
    this.panel.desk = this.desk;
    if (walk) history.pushState(null, "", `/annotate/${this.page.project}/images/${image}${this.page.as === "final" ? "?as=final" : ""}`);
    document.title = `${work.name} · usnet`;
    part(document, "title")!.textContent = work.name;
    if (!this.told.has(image)) this.tell(image, work.version ? fill(this.page.words.saved, { v: work.version }) : this.page.words.asGiven, false);
    else this.status();
    part(this.root, "history")!.replaceChildren();
    part(this.root, "past")!.closest("details")!.open = false;
    this.window();
    this.place();
    this.draw();
    if (this.suggesting && work.suggestions === null) void this.suggest(true);
  }

  private shown(image: string): void { if (image === this.page.image) this.draw(); }

  private draw(): void {
    this.stage.draw();
    this.panel.draw();
    const { desk } = this;
    this.root.querySelector(".viewer")!.classList.toggle("drawing", desk.drawing);
    for (const [name, on] of [["draw", desk.drawing], ["suggest", desk.suggesting]] as const) this.root.querySelector(`[data-do="${name}"]`)?.setAttribute("aria-pressed", String(on));
    part(this.root, "zoom")!.textContent = `${Math.round(100 * this.stage.picture.zoom)} %`;
  }

  private say(text: string): void { part(this.root, "said")!.textContent = text; }
  private tell(image: string, text: string, trouble: boolean): void {
    this.told.set(image, { text, trouble });
    if (image === this.page.image) this.status();
  }
  private status(): void {
    const said = this.told.get(this.page.image);
    const line = part(this.root, "saved")!;
    line.textContent = said?.text ?? "";
    line.classList.toggle("trouble", said?.trouble ?? false);
  }

  private counted(image: string, finished: boolean, body: Body): void {
    const row = this.rows.find((r) => r.image === image);
    if (row) { row.state = finished ? "done" : "begun"; row.marks = body.marks.length; }
    this.place();
  }

  private place(): void {
    const usable = this.rows.filter((r) => r.state !== "unreadable");
    const at = this.rows.findIndex((r) => r.image === this.page.image);
    part(document, "place")!.textContent = at < 0 ? "" : `${at + 1} / ${this.rows.length}`;
    if (this.rows.length) part(document, "progress")!.textContent = fill(this.page.words.progress, { done: usable.filter((r) => r.state === "done").length, all: usable.length });
  }

  // Whether a reader finished it here, acknowledged yet or not; progress counts what the server has.
  private finishedHere(row: Row): boolean { return this.saver.pending(row.image)?.finished ?? row.state === "done"; }

  private async walk(step: number, open = false): Promise<void> {
    const at = this.rows.findIndex((r) => r.image === this.page.image);
    const count = this.rows.length;
    for (let i = 1; i <= count; i += 1) {
      const row = this.rows[open ? (at + i) % count : at + step * i];
      if (!row) { this.say(this.page.words[step > 0 ? "last" : "first"]); return; }
      if (row.image === this.page.image) break;
      if (row.state === "unreadable" || (open && this.finishedHere(row))) continue;
      await this.open(row.image);
      this.stage.root.focus({ preventScroll: true });
      return;
    }
    if (open) this.say(this.page.words.allDone);
  }

  private async done(): Promise<void> {
    const { desk, page } = this;
    if (!desk.body.normal && !desk.body.marks.length) { this.say(page.words.saySomething); return; }
    desk.finish(true);
    this.say(fill(page.words.finished, { n: desk.work.number }));
    await this.walk(1, true);
  }

  private normal(): void {
    const { desk, page } = this;
    if (desk.body.marks.length) { this.say(page.words.boxesFirst); return; }
    desk.change((body) => { body.normal = !body.normal; });
    this.say(desk.body.normal ? page.words.statedNormal : page.words.normalTaken);
  }

  private travel(back: boolean): void {
    const { words } = this.page;
    const moved = back ? this.desk.undo() : this.desk.redo();
    this.say(moved ? words[back ? "undone" : "redone"] : words[back ? "nothingToUndo" : "nothingToRedo"]);
    if (this.desk.chosen >= 0) this.stage.marks.focus(`mark-${this.desk.chosen}`); else this.stage.root.focus({ preventScroll: true });
  }

  private async suggest(quiet = false): Promise<void> {
    if (!this.page.suggest) return;
    const { desk, page } = this;
    if (!quiet) this.suggesting = !desk.suggesting;
    desk.suggesting = this.suggesting;
    if (desk.suggesting && desk.work.suggestions === null) {
      this.say(page.words.asking);
      this.draw();
      try { desk.work.suggestions = await askFor(page, desk.work.image); }
      catch (error) { desk.suggesting = false; if (desk === this.desk) this.say(fill(page.words.askFailed, { why: (error as Error).message })); }
    }
    if (desk !== this.desk) return;
    const n = desk.work.suggestions?.length ?? 0;
    if (desk.suggesting) this.say(n ? fill(page.words.shownSuggestions, { n }) : page.words.noSuggestions);
    else if (!quiet) this.say(page.words.hiddenSuggestions);
    this.draw();
  }

  private take(target: EventTarget | null): void {
    const all = this.desk.work.suggestions ?? [];
    const one = this.stage.suggestionOf(target);
    const wanted = !this.desk.suggesting ? [] : one >= 0 ? [all[one]] : all;
    const there = (box: number[]) => this.desk.body.marks.some((m) => same(m.box, box));
    this.desk.change((body) => {
      for (const s of wanted) if (!there(s.box)) { body.normal = false; body.marks.push({ box: s.box, pathology: s.label, birads: null, given: null }); }
    });
    if (wanted.length) { this.desk.chosen = this.desk.body.marks.length - 1; this.draw(); this.stage.marks.focus(`mark-${this.desk.chosen}`); }
  }

  private window(): void {
    const value = (name: string) => Number(part<HTMLInputElement>(this.root, name)!.value) / 100;
    this.stage.picture.window(value("width"), value("level"));
  }

  private async history(): Promise<void> {
    const answer = await fetch(`/annotate/${this.page.project}/images/${this.page.image}/history`, { headers: { Accept: "text/html" } });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html"); // our own server's page, escaped by it; nothing in it runs
    part(this.root, "history")!.replaceChildren(...found.querySelectorAll("body > *, main > *"));
  }

  private mode(): void {
    this.desk.drawing = !this.desk.drawing;
    if (this.desk.drawing) { this.say(this.page.words.drawHint); this.stage.root.focus({ preventScroll: true }); }
  }

  private pressed(what: string): void {
    const { picture } = this.stage;
    const actions: Record<string, () => void> = {
      previous: () => void this.walk(-1), next: () => void this.walk(1), draw: () => this.mode(), undo: () => this.travel(true), redo: () => this.travel(false),
      out: () => picture.zoomBy(1 / 1.4), in: () => picture.zoomBy(1.4), fit: () => picture.fit(), suggest: () => void this.suggest(),
      help: () => part<HTMLDialogElement>(document, "help")!.showModal(), done: () => void this.done(),
      reopen: () => { this.desk.finish(false); this.say(fill(this.page.words.reopened, { n: this.desk.work.number })); },
    };
    if (!actions[what]) return;
    actions[what]();
    this.draw();
  }

  private onMark(edit: (mark: Body["marks"][number]) => void): void {
    const { chosen, body } = this.desk;
    if (!body.marks[chosen]) { this.say(this.page.words.selectFirst); return; }
    this.desk.change(() => edit(body.marks[chosen]));
    this.say(this.stage.root.querySelector(`[data-id="mark-${chosen}"]`)?.getAttribute("aria-label") ?? "");
  }

  private remove(): void {
    const { chosen, body } = this.desk;
    if (!body.marks[chosen]) { this.say(this.page.words.selectFirst); return; }
    this.desk.change((b) => { b.marks.splice(chosen, 1); });
    this.say(fill(this.page.words.removed, { n: chosen + 1 }));
    this.desk.chosen = -1;
    this.stage.root.focus({ preventScroll: true });
    this.draw();
  }

  private grade(step: number): void {
    this.onMark((mark) => {
      const scale = [null, ...GRADES];
      mark.birads = scale[(Math.max(0, scale.indexOf(mark.birads)) + step + scale.length) % scale.length];
    });
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const control = event.ctrlKey || event.metaKey;
    const letter = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!this.desk || part<HTMLDialogElement>(document, "help")!.open || target.matches("input:not([type=checkbox], [type=range]), textarea")) return;
    if (target.matches("select, summary, [type=range], button, a") && (letter.length > 1 || letter === " ")) return;
    if (target.matches("select") && !control && letter !== "?") return;
    if (control && letter !== "z" && letter !== "y") return;
    const label = (value: Pathology) => () => this.onMark((mark) => { mark.pathology = value; });
    const keys: Record<string, () => void> = {
      z: () => this.travel(!event.shiftKey), y: () => this.travel(false), b: () => this.mode(), j: () => void this.walk(1), k: () => void this.walk(-1),
      n: () => this.normal(), s: () => void this.suggest(), a: () => this.take(target), g: () => this.grade(event.shiftKey ? -1 : 1),
      "1": label("benign"), "2": label("malignant"), "3": label(null), Delete: () => this.remove(), Backspace: () => this.remove(),
      "+": () => this.pressed("in"), "=": () => this.pressed("in"), "-": () => this.pressed("out"), "0": () => this.pressed("fit"), "?": () => this.pressed("help"),
      Enter: () => { if (this.desk.drawing) this.stage.middle(); else void this.done(); },
      Escape: () => { this.desk.drawing = false; },
    };
    if (keys[letter]) { keys[letter](); this.draw(); }
    else if (!this.stage.root.contains(target) || !this.stage.arrow(event)) return;
    event.preventDefault();
  }
}

const root = document.querySelector<HTMLElement>('[data-part="annotate"]');
const page = readJson<Page>("annotate-data");
if (root && page) void new Annotator(page, root).start();
