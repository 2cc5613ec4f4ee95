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
    const columns = getComputedStyle(sheet).gridTemplateColumns.split(" ").length;
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

function list(sheet: HTMLElement): void {
  const items = [...sheet.children] as HTMLElement[];
  let shown = items;
  const look = thumbnails(sheet, () => shown);
  const links = items.map((item) => item.querySelector("a")!);
  const names = items.map((item) => (item.querySelector(".name")?.textContent ?? "").toLowerCase());
  const find = document.querySelector<HTMLInputElement>('input[name="find"]')!;
  const filter = () => {
    const state = document.querySelector<HTMLInputElement>('input[name="state"]:checked')!.value;
    const text = find.value.trim().toLowerCase();
    items.forEach((item, i) => { item.hidden = !((!state || item.dataset.state === state) && (!text || names[i].includes(text))); });
    shown = items.filter((item) => !item.hidden);
    links.forEach((link, i) => { link.tabIndex = items[i] === shown[0] ? 0 : -1; });
    part(document, "shown")!.textContent = shown.length === items.length ? "" : fill(words.shownImages, { n: shown.length, all: items.length });
    look();
  };
  for (const radio of document.querySelectorAll('input[name="state"]')) radio.addEventListener("change", filter);
  find.addEventListener("input", filter);
  sheet.addEventListener("keydown", (event) => {
    const there = links.filter((_, i) => !items[i].hidden);
    const at = there.indexOf(document.activeElement as HTMLAnchorElement);
    if (at < 0) return;
    const row = getComputedStyle(sheet).gridTemplateColumns.split(" ").length;
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row, Home: -at, End: there.length - 1 - at };
    const next = there[Math.max(0, Math.min(there.length - 1, at + steps[event.key]))];
    if (!next) return;
    there[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  });
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
