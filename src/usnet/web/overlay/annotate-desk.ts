// What lies on the desk: the image, what is said of it now, and every earlier state of it for undo.

import { Body, Mark, Page, Work, copy, same } from "./annotate-types";
import { Four } from "./types";

export class Desk {
  body: Body;
  finished: boolean;
  chosen = -1;
  drawing = false;
  suggesting = false;
  private past: Body[] = [];
  private future: Body[] = [];
  private moving = "";

  constructor(readonly page: Page, readonly work: Work, private written: (body: Body, finished: boolean) => void, private shown: () => void) {
    this.body = copy(work.body);
    this.finished = work.finished;
  }

  // Every change goes through here. Changes with the same `flow` (one drag, one run of arrow keys) are undone together.
  change(edit: (body: Body) => void, flow = ""): boolean {
    const before = copy(this.body);
    edit(this.body);
    if (same(before, this.body)) return false;
    if (!flow || flow !== this.moving) this.past.push(before);
    this.moving = flow;
    this.future = [];
    this.after();
    return true;
  }

  pause(): void { this.moving = ""; }
  undo(): boolean { return this.travel(this.past, this.future); }
  redo(): boolean { return this.travel(this.future, this.past); }

  finish(finished: boolean): void {
    this.finished = finished;
    this.written(this.body, finished);
    this.shown();
  }

  add(box: Four, more: Partial<Mark> = {}, flow = ""): number {
    this.change((body) => { body.normal = false; body.marks.push({ box, pathology: null, birads: null, given: null, ...more }); }, flow);
    return (this.chosen = this.body.marks.length - 1);
  }

  private travel(from: Body[], to: Body[]): boolean {
    const next = from.pop();
    if (!next) return false;
    to.push(copy(this.body));
    this.body = next;
    this.chosen = Math.min(this.chosen, next.marks.length - 1);
    this.moving = "";
    this.after();
    return true;
  }

  private after(): void {
    if (this.finished && !this.body.normal && !this.body.marks.length) this.finished = false; // nothing is said any more
    this.written(this.body, this.finished);
    this.shown();
  }
}
