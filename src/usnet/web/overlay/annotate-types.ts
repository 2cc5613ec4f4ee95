// The JSON of the annotate pages; see web/annotate/shapes.py and bodies.py.

import { Four } from "./types";

export type Pathology = "benign" | "malignant" | null;
export interface Mark { box: Four; pathology: Pathology; birads: string | null; given: number | null }
export interface Body { marks: Mark[]; normal: boolean; birads: string | null; note: string }
export interface Suggestion { box: Four; score: number; probability: number; label: "benign" | "malignant" }
export interface Other { reader: string; body: Body; finished: boolean }
export interface Work {
  image: string; number: number; name: string; width: number; height: number; picture: string;
  version: number; finished: boolean; body: Body; suggestions: Suggestion[] | null; others: Other[];
}
export interface Row { image: string; number: number; name: string; state: string; label: string | null; marks: number }
export interface Page { project: string; image: string; as: "me" | "final"; suggest: boolean; words: Record<string, string> }

export const GRADES = ["0", "1", "2", "3", "4", "4A", "4B", "4C", "5", "6"];
export const copy = (body: Body): Body => JSON.parse(JSON.stringify(body)) as Body;
export const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
