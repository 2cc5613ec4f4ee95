// The reading page: one case, its questions, timing, drafts, and an answer that survives a lost line.

const { Stage, Clock } = globalThis.usnetStudy;

const setup = JSON.parse(document.getElementById("study-setup").textContent);
const csrf = document.querySelector('meta[name="csrf"]').content;
const words = Object.fromEntries(
  [...document.getElementById("words").content.querySelectorAll("[data-word]")].map((e) => [e.dataset.word, e.textContent]));
const byId = (id) => document.getElementById(id);
const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
const base = `/api/study/${setup.study}`;
const READ = `usnet-read-${setup.study}`;
const PENDING = `usnet-answer-${setup.study}`;

const form = byId("answer");
const stage = new Stage(byId("stage"), byId("canvas"), byId("image"), byId("marks"), { drawing: setup.questions.boxes, changed: marksChanged });
const clock = new Clock(setup.rules.idle_seconds);
let now = null; // the state the server gave last
let busy = false;
let draftTimer = 0;

async function call(path, options = {}) {
  const response = await fetch(base + path, { credentials: "same-origin", ...options, headers: { "X-CSRF-Token": csrf, "Content-Type": "application/json" } });
  const body = await response.json().catch(() => ({}));
  return { status: response.status, body };
}

// --- the case -------------------------------------------------------------------------------------------------------------

async function show(state) {
  if (state.phase !== "reading") { location.reload(); return; }
  now = state;
  form.reset();
  for (const id of ["feedback", "trouble", "hint"]) byId(id).hidden = true;
  byId("saved").textContent = "";
  byId("training-note").hidden = state.use !== "training";
  byId("second-note").hidden = state.step !== 1;
  adviseBreak();
  byId("progress").textContent = say("case", { position: state.position + 1, total: state.total, period: state.period + 1, periods: state.periods });
  untouch();
  setEnabled(false);
  await stage.load(state.image, state.width, state.height);
  showFindings(state.findings);
  stage.setMarks([]);
  fill(state.draft ?? state.first);
  setEnabled(true);
  clock.start();
}

function showFindings(findings) {
  byId("findings").hidden = !findings;
  stage.setBoxes(findings ? findings.boxes.map((b) => ({ box: b.box, kind: `ai ${b.label}` })) : []);
  if (findings) {
    byId("findings-text").textContent = say("finding", { label: words[findings.label], percent: Math.round(100 * findings.probability), boxes: findings.boxes.length });
  }
}

// Active seconds since the last advice, over all cases of this window.
function adviseBreak() {
  const due = Number(sessionStorage.getItem(READ) ?? 0) >= 60 * setup.rules.break_minutes;
  byId("break").hidden = !due;
  if (due) sessionStorage.setItem(READ, "0");
}

function setEnabled(on) { byId("commit").disabled = !on; }

// --- answers --------------------------------------------------------------------------------------------------------------

const slider = byId("slider");
const number = byId("number");

function untouch() {
  if (!slider) return;
  slider.value = 50; slider.classList.add("unset"); slider.setAttribute("aria-valuetext", "–"); number.value = "";
}

function touch(value) {
  slider.value = value; number.value = value;
  slider.classList.remove("unset"); slider.removeAttribute("aria-valuetext");
}

function collect() {
  const data = new FormData(form);
  const set = slider && !slider.classList.contains("unset");
  return {
    period: now.period, position: now.position, step: now.step,
    decision: data.get("decision"),
    probability: set ? Number(number.value) : null,
    birads: data.get("birads"),
    marks: setup.questions.boxes ? stage.marks() : [],
    comment: byId("comment")?.value ?? "",
  };
}

function fill(draft) {
  if (!draft) return;
  for (const name of ["decision", "birads"]) {
    const field = draft[name] && form.querySelector(`input[name="${name}"][value="${CSS.escape(draft[name])}"]`);
    if (field) field.checked = true;
  }
  if (slider && typeof draft.probability === "number") touch(draft.probability);
  if (draft.marks) stage.setMarks(draft.marks);
  if (byId("comment") && draft.comment) byId("comment").value = draft.comment;
  hint();
}

function hint() {
  const a = collect();
  const p = a.probability;
  const off = (p !== null && a.decision && (a.decision === "malignant") !== (p >= 50) && p !== 50)
    || (p !== null && a.birads === "5" && p < 50) || (p !== null && ["2", "3"].includes(a.birads) && p > 50)
    || (a.decision === "malignant" && ["2", "3"].includes(a.birads));
  byId("hint").textContent = words.hint;
  byId("hint").hidden = !off;
}

function changed() {
  hint();
  clearTimeout(draftTimer);
  draftTimer = setTimeout(keepDraft, 600);
}

async function keepDraft() {
  if (busy || !now) return;
  try {
    const { status } = await call("/draft", { method: "PUT", body: JSON.stringify(collect()) });
    byId("saved").textContent = status === 200 ? words.saved : "";
  } catch { /* the next change tries again */ }
}

function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

async function submit(event) {
  event.preventDefault();
  if (busy || !now) return;
  if (slider && slider.classList.contains("unset")) { number.focus(); number.reportValidity(); return; }
  const answer = { ...collect(), touched: true, client_key: key(), ...clock.read() };
  if (answer.birads === null) delete answer.birads;
  // Kept until the server has said that it is on disk: a reload or a lost line sends the same key again.
  localStorage.setItem(PENDING, JSON.stringify(answer));
  sessionStorage.setItem(READ, String(Number(sessionStorage.getItem(READ) ?? 0) + answer.active_s));
  await send(answer);
}

async function send(answer) {
  busy = true; setEnabled(false); clearTimeout(draftTimer);
  for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
    let reply = null;
    try { reply = await call("/answer", { method: "POST", body: JSON.stringify(answer) }); } catch { /* no line */ }
    if (reply && reply.status < 500) { busy = false; localStorage.removeItem(PENDING); return done(reply); }
    trouble(words.retry);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function done({ status, body }) {
  byId("trouble").hidden = true;
  if (status === 200 && body.feedback) return feedback(body);
  if (status === 200) return show(body.state);
  if (body.conflict) { await refresh(); return trouble(words.elsewhere); }
  // Paused, closed, excluded: what was filled in is kept, and the page says which.
  if (status === 409) { await keepDraft(); location.reload(); return; }
  if (status === 401 || status === 403) { location.reload(); return; }
  setEnabled(true);
  trouble(say("refused", { why: body.detail ?? String(status) }));
}

function trouble(text) { byId("trouble").textContent = text; byId("trouble").hidden = false; }

function feedback(body) {
  stage.setBoxes(body.feedback.boxes.map((box) => ({ box, kind: "truth" })));
  byId("truth").textContent = words[body.feedback.label];
  byId("feedback").hidden = false;
  byId("feedback").focus();
  byId("next").onclick = () => { form.querySelector("input").focus(); show(body.state); };
}

async function refresh() {
  const { status, body } = await call("/state");
  if (status === 200) await show(body); else location.reload();
}

// --- marks in the list ----------------------------------------------------------------------------------------------------

function marksChanged(marks) {
  const list = byId("mark-list");
  if (!list) return;
  list.replaceChildren(...marks.map((mark, i) => {
    const item = document.createElement("li");
    const row = document.createElement("div");
    row.className = "row";
    const range = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 100, value: mark.confidence });
    range.setAttribute("aria-label", say("mark", { number: i + 1 }));
    range.addEventListener("input", () => { stage.setConfidence(i, Number(range.value)); });
    range.addEventListener("focus", () => stage.activate(i));
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "quiet", textContent: "×" });
    remove.setAttribute("aria-label", say("remove", { number: i + 1 }));
    remove.addEventListener("click", () => { stage.removeMark(i); byId("add-mark").focus(); });
    row.append(range, remove); item.append(row);
    return item;
  }));
  if (now) changed();
}

// --- keys -----------------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); form.requestSubmit(byId("commit")); return; }
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.matches('textarea, input[type="number"], input[type="range"]')) return;
  const choose = { b: "benign", m: "malignant" }[event.key.toLowerCase()];
  if (choose) { const field = form.querySelector(`input[value="${choose}"]`); field.checked = true; field.focus(); changed(); }
  else if (event.key.toLowerCase() === "p" && number) { event.preventDefault(); number.focus(); }
  else if (event.key.toLowerCase() === "n" && byId("add-mark")) { stage.addMark(); byId("stage").focus(); }
});

form.addEventListener("input", (event) => {
  if (event.target === slider) touch(Number(slider.value));
  else if (event.target === number && number.value !== "" && number.validity.valid) touch(Number(number.value));
  else if (event.target === number) { slider.classList.add("unset"); }
  changed();
});
for (const kind of ["pointerdown", "keydown"]) {
  slider?.addEventListener(kind, (e) => { if (kind === "pointerdown" || /^(Arrow|Page|Home|End)/.test(e.key)) setTimeout(() => { touch(Number(slider.value)); changed(); }); });
}
form.addEventListener("submit", submit);
byId("zoom-in").addEventListener("click", () => stage.zoom(1.25));
byId("zoom-out").addEventListener("click", () => stage.zoom(0.8));
byId("zoom-reset").addEventListener("click", () => stage.fit());
byId("add-mark")?.addEventListener("click", () => { stage.addMark(); byId("stage").focus(); });
for (const id of ["brightness", "contrast"]) byId(id).addEventListener("input", () => stage.window(byId("brightness").value, byId("contrast").value));

const pending = localStorage.getItem(PENDING);
if (pending) { await refresh(); await send(JSON.parse(pending)); } else { await refresh(); }
