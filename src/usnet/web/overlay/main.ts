// Starts what the page has.

import { Assessment } from "./assessment";
import { csrf, readJson } from "./dom";
import { Panel } from "./panel";
import { reports } from "./reports";
import { State } from "./state";
import { ViewData } from "./types";
import { upload } from "./upload";
import { Viewer } from "./viewer";

document.addEventListener("htmx:configRequest", (e) => { (e as CustomEvent).detail.headers["X-CSRF-Token"] = csrf(); });

const zone = document.getElementById("drop");
if (zone) upload(zone);

const states: State[] = [];
for (const root of document.querySelectorAll<HTMLElement>("[data-viewer]")) {
  const data = readJson<ViewData>(`data-${root.dataset.viewer}`);
  if (!data) continue;
  const state = new State(data);
  const panel = root.parentElement!.querySelector<HTMLElement>(".panel");
  new Viewer(root, state, panel !== null);
  if (panel) {
    new Panel(panel, state);
    new Assessment(panel, state);
    reports(panel, state);
  } else state.acknowledged = true; // the comparison shows its warnings above
  states.push(state);
  state.changed();
}
for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="point"]')) {
  radio.addEventListener("change", () => { for (const state of states) { state.point = radio.value; state.changed(); } });
}
