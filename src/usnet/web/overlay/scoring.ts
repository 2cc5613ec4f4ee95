// Asks the model about a box, once it has been still for a moment.

import { fill, percent, send, settled } from "./dom";
import { Own, State } from "./state";

const STILL = 500;

export class Scoring {
  private timers = new Map<string, number>();

  constructor(private state: State, private say: (text: string) => void) {}

  later(own: Own): void {
    own.probability = own.score = null;
    own.pending = true;
    own.problem = null;
    window.clearTimeout(this.timers.get(own.id));
    this.timers.set(own.id, window.setTimeout(() => void this.ask(own), STILL));
  }

  private async ask(own: Own): Promise<void> {
    const { exam, view, words } = this.state.data;
    const asked = own.box.join();
    const name = fill(words.own, { n: this.state.nameOf(own) });
    this.say(words.scoring);
    try {
      const answer = await send("POST", `/api/exams/${exam}/views/${view}/frames/${own.frame}/score`, { box: own.box });
      const job = await settled(answer);
      if (own.box.join() !== asked || !this.state.own.includes(own)) return; // it was moved on meanwhile
      own.probability = job.result.probability;
      own.score = job.result.score;
      this.say(fill(words.scored, { name, p: percent(job.result.probability), s: job.result.score.toFixed(2) }));
    } catch (error) {
      if (own.box.join() !== asked) return;
      own.problem = (error as Error).message;
      this.say(fill(words.scoreFailed, { why: own.problem }));
    }
    own.pending = false;
    this.state.changed();
  }
}
