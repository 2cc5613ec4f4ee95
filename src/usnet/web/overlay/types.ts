// The JSON that the server puts into the page; see web/diagnose/viewdata.py and assess.py.

export type Four = [number, number, number, number]; // x, y, width, height in frame pixels

export interface Candidate { box: Four; score: number; probability: number; size_mm: [number, number] | null }
export interface Opinion { label: string; p_benign: number; p_malignant: number; p_normal: number; findings: number[] }
export interface FrameData {
  number: number; picture: string; warnings: string[]; grave: boolean;
  candidates: Candidate[]; opinions: Record<string, Opinion>;
}
export interface Point { name: string; detection: number; malignancy: number; origin: string; default: boolean }
export interface Reference { origin: string; bins: { benign: number[]; malignant: number[] }; benign: number[]; malignant: number[] }
export interface Saved { version: number; fields: Record<string, unknown> & { boxes: OwnBox[] } }
export interface OwnBox { frame: number; box: Four; probability: number | null; score: number | null }
export interface ViewData {
  exam: string; view: string; name: string; width: number; height: number;
  spacing: { row: number; column: number; source: string | null } | null;
  points: Point[]; frames: FrameData[]; reference: Reference | null;
  start: number; words: Record<string, string>; assessment?: Saved;
}
