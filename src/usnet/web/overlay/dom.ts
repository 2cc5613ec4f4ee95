// Small helpers: elements, words with holes, numbers as the reports write them.

const SVG = "http://www.w3.org/2000/svg";
type Attributes = Record<string, string | number | boolean>;

export function svg<K extends keyof SVGElementTagNameMap>(name: K, attributes: Attributes = {}): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, name);
  set(element, attributes);
  return element;
}

export function html<K extends keyof HTMLElementTagNameMap>(
  name: K, attributes: Attributes = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  set(element, attributes);
  element.append(...children);
  return element;
}

export function set(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

export function part<T extends Element = HTMLElement>(root: ParentNode, name: string): T | null {
  return root.querySelector<T>(`[data-part="${name}"]`);
}

export function readJson<T>(id: string): T | null {
  const element = document.getElementById(id);
  return element ? (JSON.parse(element.textContent ?? "null") as T) : null;
}

export function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
}

// "83 %"; never a rounded 0 or 100, because no model is certain (reports/style.py says the same).
export function percent(p: number): string {
  if (p < 0.01) return "< 1 %";
  if (p > 0.99) return "> 99 %";
  return `${Math.round(100 * p)} %`;
}

export function csrf(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf"]')?.content ?? "";
}

// With `keepalive` the browser goes on sending when the page is left; bodies up to 64 kB in all.
export async function send(method: string, path: string, body?: unknown, keepalive = false): Promise<{ status: number; body: any }> {
  const answer = await fetch(path, {
    method,
    keepalive,
    headers: { "X-CSRF-Token": csrf(), Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : null };
}

export async function settled(answer: { status: number; body: any }): Promise<any> {
  // A job's final state; asks on while it waits in a long queue.
  if (answer.status >= 400) throw new Error(answer.body?.detail ?? String(answer.status));
  let job = answer.body;
  while (job.state === "queued" || job.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 700));
    const next = await send("GET", `/api/jobs/${job.job}`);
    if (next.status >= 400) throw new Error(next.body?.detail ?? String(next.status));
    job = next.body;
  }
  if (job.state !== "done") throw new Error(job.reason ?? job.state);
  return job;
}
