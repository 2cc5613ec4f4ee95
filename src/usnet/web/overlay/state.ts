// What is shown at this moment, and who wants to know when it changes.

import { Candidate, FrameData, Four, OwnBox, ViewData } from "./types";

export interface Own extends OwnBox { id: string; pending: boolean; problem: string | null }

export class State {
  frame: number;
  point: string;
  hidden = false;
  drawing = false;
  acknowledged = false;
  own: Own[] = [];
  private listeners: (() => void)[] = [];
  private count = 0;

  constructor(readonly data: ViewData) {
    this.frame = data.start;
    this.point = (data.points.find((p) => p.default) ?? data.points[0]).name;
    for (const box of data.assessment?.fields.boxes ?? []) this.own.push({ ...box, id: this.nextId(), pending: false, problem: null });
  }

  get current(): FrameData { return this.data.frames[this.frame]; }
  get findings(): Candidate[] { return this.current.opinions[this.point].findings.map((i) => this.current.candidates[i]); }
  get threshold(): number { return this.data.points.find((p) => p.name === this.point)!.malignancy; }
  get covered(): boolean { return this.current.grave && !this.acknowledged; }
  get ownHere(): Own[] { return this.own.filter((b) => b.frame === this.frame); }

  on(listener: () => void): void { this.listeners.push(listener); }
  changed(): void { for (const listener of this.listeners) listener(); }

  show(frame: number): void {
    const last = this.data.frames.length - 1;
    this.frame = Math.max(0, Math.min(last, frame));
    this.changed();
  }

  add(box: Four): Own {
    const own: Own = { id: this.nextId(), frame: this.frame, box, probability: null, score: null, pending: false, problem: null };
    this.own.push(own);
    this.changed();
    return own;
  }

  remove(id: string): void {
    this.own = this.own.filter((b) => b.id !== id);
    this.changed();
  }

  nameOf(own: Own): string { return `${this.own.indexOf(own) + 1}`; }
  private nextId(): string { this.count += 1; return `own-${this.count}`; }
}

// A box within the frame, at least two pixels wide and high.
export function within(box: Four, width: number, height: number): Four {
  const w = Math.max(2, Math.min(box[2], width));
  const h = Math.max(2, Math.min(box[3], height));
  return [Math.max(0, Math.min(box[0], width - w)), Math.max(0, Math.min(box[1], height - h)), w, h];
}

export function sizeText(box: Four, data: ViewData): string {
  const s = data.spacing;
  if (!s) return data.words.px.replace("{w}", box[2].toFixed(0)).replace("{h}", box[3].toFixed(0));
  return data.words.mm.replace("{w}", (box[2] * s.column).toFixed(1)).replace("{h}", (box[3] * s.row).toFixed(1));
}
