// Time on a case: reading, without a key or movement for long, and with the tab away. Seconds.

const STEP = 250;

class Clock {
  constructor(idleSeconds) {
    this.idle = 1000 * idleSeconds;
    this.start();
    for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "input"]) {
      addEventListener(kind, () => { this.moved = performance.now(); }, { passive: true, capture: true });
    }
    setInterval(() => this.tick(), STEP);
    document.addEventListener("visibilitychange", () => this.tick());
  }

  start() {
    this.times = { active_s: 0, idle_s: 0, away_s: 0 };
    this.last = this.moved = performance.now();
    this.hidden = document.hidden;
  }

  tick() {
    const time = performance.now();
    const past = (time - this.last) / 1000;
    // What lies between two looks counts as the state at its beginning.
    const kind = this.hidden ? "away_s" : time - this.moved > this.idle ? "idle_s" : "active_s";
    this.times[kind] += past;
    this.last = time;
    this.hidden = document.hidden;
  }

  read() {
    this.tick();
    return Object.fromEntries(Object.entries(this.times).map(([name, value]) => [name, Math.round(1000 * value) / 1000]));
  }
}

globalThis.usnetStudy = { ...globalThis.usnetStudy, Clock };
