// Drop or choose files: each is one streamed request, then the exam is started and shown.

import { csrf, fill, percent, readJson, send } from "./dom";

export function upload(zone: HTMLElement): void {
  const words = readJson<Record<string, string>>("words")!;
  const input = zone.querySelector<HTMLInputElement>("#files")!;
  const say = (text: string) => { document.getElementById("sending")!.textContent = text; };
  let busy = false;

  const take = async (files: File[]) => {
    if (busy || !files.length) return;
    const largest = Number(zone.dataset.largest);
    const big = files.find((f) => f.size > largest);
    if (big) { say(fill(words.tooLarge, { name: big.name, max: Math.floor(largest / 2 ** 20) })); return; }
    busy = true;
    try {
      const made = await send("POST", "/api/exams");
      if (made.status !== 201) throw new Error(made.body?.detail);
      for (const file of files) await one(made.body.exam, file, words, say);
      say(words.waiting);
      const started = await send("POST", `/api/exams/${made.body.exam}/diagnose`);
      if (started.status !== 202) throw new Error(started.body?.detail);
      window.location.assign(`/exams/${made.body.exam}`);
    } catch (error) {
      say(fill(words.failed, { why: (error as Error).message }));
      document.getElementById("sent")!.hidden = true;
    }
    busy = false;
    input.value = "";
  };

  input.addEventListener("change", () => void take([...(input.files ?? [])]));
  for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (e) => { e.preventDefault(); zone.classList.add("over"); });
  document.addEventListener("dragleave", (e) => { if (!e.relatedTarget) zone.classList.remove("over"); });
  document.addEventListener("drop", (e) => {
    e.preventDefault();
    zone.classList.remove("over");
    void take([...(e.dataTransfer?.files ?? [])]);
  });
}

function one(exam: string, file: File, words: Record<string, string>, say: (text: string) => void): Promise<void> {
  const bar = document.getElementById("sent") as HTMLProgressElement;
  bar.hidden = false;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/exams/${exam}/files`);
    request.setRequestHeader("X-CSRF-Token", csrf());
    request.setRequestHeader("X-File-Name", encodeURIComponent(file.name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (e) => {
      bar.value = e.lengthComputable ? e.loaded / e.total : 0;
      say(fill(words.uploading, { name: file.name, p: percent(bar.value) }));
    });
    request.addEventListener("load", () => {
      if (request.status === 201) resolve();
      else reject(new Error(reason(request)));
    });
    request.addEventListener("error", () => reject(new Error(String(request.status || "network"))));
    request.send(file);
  });
}

function reason(request: XMLHttpRequest): string {
  try { return JSON.parse(request.responseText).detail; } catch { return String(request.status); }
}
