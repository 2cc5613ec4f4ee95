// The list of images: filter, arrow keys, and bringing files in.

import { csrf, fill, part, percent, readJson, send } from "./dom";

const words = readJson<Record<string, string>>("words") ?? {};

function list(sheet: HTMLElement): void {
  const items = [...sheet.children] as HTMLElement[];
  const links = items.map((item) => item.querySelector("a")!);
  const names = items.map((item) => (item.querySelector(".name")?.textContent ?? "").toLowerCase());
  const find = document.querySelector<HTMLInputElement>('input[name="find"]')!;
  const filter = () => {
    const state = document.querySelector<HTMLInputElement>('input[name="state"]:checked')!.value;
    const text = find.value.trim().toLowerCase();
    let count = 0;
    items.forEach((item, i) => {
      const wanted = (!state || item.dataset.state === state) && (!text || names[i].includes(text));
      item.hidden = !wanted;
      count += Number(wanted);
    });
    const first = items.findIndex((item) => !item.hidden);
    links.forEach((link, i) => { link.tabIndex = i === first ? 0 : -1; });
    part(document, "shown")!.textContent = count === items.length ? "" : fill(words.shownImages, { n: count, all: items.length });
  };
  for (const radio of document.querySelectorAll('input[name="state"]')) radio.addEventListener("change", filter);
  find.addEventListener("input", filter);
  sheet.addEventListener("keydown", (event) => {
    const shown = links.filter((_, i) => !items[i].hidden);
    const at = shown.indexOf(document.activeElement as HTMLAnchorElement);
    if (at < 0) return;
    const top = shown[at].getBoundingClientRect().top;
    const row = shown.filter((link) => Math.abs(link.getBoundingClientRect().top - top) < 2).length;
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row, Home: -at, End: shown.length - 1 - at };
    const next = shown[Math.max(0, Math.min(shown.length - 1, at + steps[event.key]))];
    if (!next) return;
    shown[at].tabIndex = -1;
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
