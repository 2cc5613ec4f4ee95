// The list of images: filter, arrow keys, and bringing files in.

import { csrf, fill, part, percent, readJson, send } from "./dom";

const words = readJson<Record<string, string>>("words") ?? {};

// Thumbnails of the rows in sight and two screens around them, as backgrounds, which no cell is laid out anew for. With 2,000
// lazy images, which the browser itself watches, every step of a scroll took four times as long.
function thumbnails(sheet: HTMLElement, shown: () => HTMLElement[]): () => void {
  const drawn = new Set<HTMLElement>();
  let waiting = false;
  const draw = () => {
    waiting = false;
    const items = shown();
    const box = sheet.getBoundingClientRect();
    const columns = columnsOf(sheet);
    const row = box.height / Math.max(1, Math.ceil(items.length / columns));
    const from = Math.max(0, Math.floor((-box.top - 2 * innerHeight) / row)) * columns;
    const wanted = new Set(items.slice(from, Math.max(0, Math.ceil((3 * innerHeight - box.top) / row)) * columns));
    for (const item of drawn) if (!wanted.has(item)) { part(item, "thumb")!.style.backgroundImage = ""; drawn.delete(item); }
    for (const item of wanted) {
      const place = drawn.has(item) ? null : part(item, "thumb");
      if (!place) continue;
      place.style.backgroundImage = `url("/api${place.parentElement!.getAttribute("href")}/thumb")`;
      drawn.add(item);
    }
  };
  const soon = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };
  window.addEventListener("scroll", soon, { passive: true });
  window.addEventListener("resize", soon);
  soon();
  return soon;
}

// As the style sheet has it: a group out of sight has no columns that could be measured.
function columnsOf(sheet: HTMLElement): number {
  const group = sheet.firstElementChild;
  return group ? Number(getComputedStyle(group).getPropertyValue("--columns")) : 1;
}

// What is shown fills the groups from the first one on, so that no row but the last has gaps; the rest leaves the page.
function arranger(sheet: HTMLElement): (shown: HTMLElement[]) => void {
  const groups = [...sheet.children] as HTMLElement[];
  const size = groups[0]?.children.length ?? 1;
  return (shown) => {
    const used = groups.slice(0, Math.ceil(shown.length / size));
    used.forEach((group, i) => {
      const part = shown.slice(i * size, (i + 1) * size);
      group.ariaLabel = `${sheet.dataset.word} ${i * size + 1}–${i * size + part.length}`;
      group.replaceChildren(...part);
    });
    sheet.replaceChildren(...used);
  };
}

function list(sheet: HTMLElement): void {
  const items = [...sheet.querySelectorAll("li")];
  let shown = items;
  const look = thumbnails(sheet, () => shown);
  const arrange = arranger(sheet);
  const names = items.map((item) => (item.querySelector(".name")?.textContent ?? "").toLowerCase());
  const find = document.querySelector<HTMLInputElement>('input[name="find"]')!;
  let entry = link(items[0]); // the one that Tab goes to
  const enter = (next: HTMLAnchorElement | null) => {
    if (entry) entry.tabIndex = -1;
    entry = next;
    if (entry) entry.tabIndex = 0;
  };
  const filter = () => {
    const state = document.querySelector<HTMLInputElement>('input[name="state"]:checked')!.value;
    const text = find.value.trim().toLowerCase();
    shown = items.filter((item, i) => (!state || item.dataset.state === state) && (!text || names[i].includes(text)));
    arrange(shown);
    enter(link(shown[0]));
    part(document, "shown")!.textContent = shown.length === items.length ? "" : fill(words.shownImages, { n: shown.length, all: items.length });
    look();
  };
  for (const radio of document.querySelectorAll('input[name="state"]')) radio.addEventListener("change", filter);
  find.addEventListener("input", filter);
  sheet.addEventListener("keydown", (event) => {
    const at = shown.findIndex((item) => item.contains(document.activeElement));
    if (at < 0) return;
    const row = columnsOf(sheet);
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row, Home: -at, End: shown.length - 1 - at };
    if (!(event.key in steps)) return;
    enter(link(shown[Math.max(0, Math.min(shown.length - 1, at + steps[event.key]))]));
    entry?.focus();
    event.preventDefault();
  });
}

function link(item: HTMLElement | undefined): HTMLAnchorElement | null {
  return item?.querySelector("a") ?? null;
}

function bring(zone: HTMLElement): void {
  const input = zone.querySelector<HTMLInputElement>("input[type=file]")!;
  const say = (text: string) => { part(zone, "said")!.textContent = text; };
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (!file) return;
    const request = new XMLHttpRequest();
    request.open("POST", zone.dataset.address!);
    request.setRequestHeader("X-CSRF-Token", csrf());
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (e) => say(fill(words.sending, { p: percent(e.lengthComputable ? e.loaded / e.total : 0) })));
    request.addEventListener("load", () => {
      const answer = JSON.parse(request.responseText);
      if (request.status !== 202) say(fill(words.refused, { why: answer.detail }));
      else if (zone.dataset.then === "reload") window.location.reload();
      else void wait(zone.dataset.address!, answer.job, say);
    });
    request.addEventListener("error", () => say(fill(words.refused, { why: "network" })));
    request.send(file);
    input.value = "";
  });
}

async function wait(address: string, job: number, say: (text: string) => void): Promise<void> {
  say(words.reading);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    const answer = await send("GET", `${address}/${job}`);
    if (answer.status >= 400 || answer.body.state === "dead") { say(fill(words.refused, { why: answer.body?.reason ?? answer.body?.detail })); return; }
    if (answer.body.state !== "done") continue;
    const found = answer.body.result;
    say(fill(words.imported, { n: found.saved, u: found.unknown, r: found.refused.length }));
    return;
  }
}

const sheet = part(document, "sheet");
if (sheet) list(sheet);
for (const zone of document.querySelectorAll<HTMLElement>('[data-part="import"]')) bring(zone);
