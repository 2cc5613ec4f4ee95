// Saves: one at a time an image, with a key that every retry repeats. What was not acknowledged is sent again until it is,
// and at once when the page is left or hidden: the browser then sends it even when the page is gone.

import { fill, send } from "./dom";
import { Body, Page, Work, copy, same } from "./annotate-types";

const STILL = 350;
const LONGEST = 15000;

interface Pending { key: string; body: Body; finished: boolean }
interface Sent extends Pending { version: number; after?: string }
export type Told = (image: string, text: string, trouble: boolean) => void;

export class Saver {
  private waiting = new Map<string, Pending>();
  private versions = new Map<string, number>();
  private timers = new Map<string, number>();
  private sent = new Map<string, Sent>();
  private flying = new Set<string>();

  constructor(private page: Page, private told: Told, private changed: (image: string, finished: boolean, body: Body) => void,
    private replaced: (work: Pick<Work, "image" | "version" | "finished" | "body">) => void) {
    window.addEventListener("beforeunload", (e) => { if (this.waiting.size) { this.flush(); e.preventDefault(); } });
    window.addEventListener("pagehide", () => this.flush());
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") this.flush(); });
  }

  // What the server says; kept for the version that the next save rests on. An image with unsent changes keeps them.
  seen(image: string, version: number): void { if (!this.pending(image)) this.versions.set(image, version); }
  pending(image: string): Pending | undefined { return this.waiting.get(image); }

  later(image: string, body: Body, finished: boolean): void {
    this.waiting.set(image, { key: newKey(), body: copy(body), finished });
    this.told(image, this.page.words.saving, false);
    window.clearTimeout(this.timers.get(image));
    this.timers.set(image, window.setTimeout(() => void this.push(image), STILL));
  }

  // Everything unacknowledged, now. What was changed after a save that is under way takes that save's place: `after` says so.
  private flush(): void {
    for (const [image, next] of this.waiting) {
      const sent = this.sent.get(image);
      window.clearTimeout(this.timers.get(image));
      if (!sent) void this.push(image);
      else if (sent.key !== next.key) this.put(image, { ...next, version: sent.version, after: sent.key }).catch(() => undefined);
      else if (!this.flying.has(image)) this.put(image, sent).catch(() => undefined);
    }
  }

  private async push(image: string): Promise<void> {
    const next = this.waiting.get(image);
    if (!next || this.sent.has(image)) return;
    const sent = { ...next, version: this.versions.get(image) ?? 0 };
    this.sent.set(image, sent);
    const done = await this.insist(image, sent);
    this.sent.delete(image);
    if (this.waiting.get(image) === next || !done) this.waiting.delete(image);
    else await this.push(image);
  }

  private async put(image: string, sent: Sent): Promise<{ status: number; body: any }> {
    this.flying.add(image);
    try { return await send("PUT", `/api/annotate/${this.page.project}/images/${image}?as=${this.page.as}`, sent, true); }
    finally { this.flying.delete(image); }
  }

  // Sends until there is an answer; false where what was sent can never be saved.
  private async insist(image: string, sent: Sent): Promise<boolean> {
    const { project, words } = this.page;
    for (let wait = 500; ; wait = Math.min(2 * wait, LONGEST)) {
      let why: string;
      try {
        const answer = await this.put(image, sent);
        const newest = this.waiting.get(image);
        const overtaken = answer.status === 409 && newest && newest.key !== sent.key && same(answer.body.body, newest.body);
        if (answer.status === 200 || overtaken) { // overtaken by what was changed after it, when the page was hidden
          this.versions.set(image, answer.body.version);
          this.told(image, fill(words.saved, { v: answer.body.version }), false);
          this.changed(image, sent.finished, sent.body);
          return true;
        }
        if (answer.status === 409) {
          this.versions.set(image, answer.body.version);
          this.told(image, words.elsewhere, true);
          this.replaced(answer.body);
          return false;
        }
        if (answer.status === 401 || answer.status === 403) await renew(project); // the login ended; it may begin again in another tab
        else if (answer.status < 500 && answer.status !== 429 && answer.status !== 408) {
          this.told(image, fill(words.refused, { why: answer.body?.detail ?? answer.status }), true);
          return false;
        }
        why = answer.body?.detail ?? String(answer.status);
      } catch (error) { why = (error as Error).message; }
      this.told(image, fill(words.unsaved, { why }), true);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

// The token of the login that this browser has now.
async function renew(project: string): Promise<void> {
  const answer = await fetch(`/annotate/${project}/progress`, { headers: { Accept: "application/json" } });
  const token = answer.headers.get("x-csrf-token");
  const place = document.querySelector<HTMLMetaElement>('meta[name="csrf"]');
  if (answer.ok && token && place) place.content = token;
}

function newKey(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
