// What all our pages share: requests, elements, the choice of a run. Text is never parsed as markup.

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  return answered(await fetch("/data" + path, options));
}

export async function answered(response) {
  const answer = await response.json().catch(() => ({ error: response.statusText }));
  if (!response.ok) throw new Error(answer.error || response.statusText);
  return answer;
}

export function el(tag, facts = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

export const address = new URLSearchParams(window.location.search);

export function remember(changes) {
  for (const [name, value] of Object.entries(changes)) value ? address.set(name, value) : address.delete(name);
  window.history.replaceState(null, "", `${window.location.pathname}?${address}`); // Gradio sets a base URL, so "?" alone would lead to the first page
}

// Adds a select of runs to the top of a page; calls `chosen` with the run now and at every change.
export async function runPicker(place, chosen) {
  const { runs } = await ask("/runs");
  if (!runs.length) {
    place.append(el("p", { className: "quiet" }, "No runs yet. State a goal in the chat, or run: atlantis demo"));
    return;
  }
  const wanted = address.get("run");
  const found = runs.find((run) => run.id === wanted), known = found || runs[0];
  const missed = wanted && !found ? el("p", { className: "problem", role: "alert" }, `There is no run “${wanted.slice(0, 40)}” here; showing the newest run.`) : "";
  const select = el("select", { id: "run", ariaLabel: "Run" }, ...runs.map((run) => {
    const option = el("option", { value: run.id }, `${run.id} (${run.status}) ${run.goal}`.slice(0, 110));
    option.selected = run.id === known.id;
    return option;
  }));
  select.addEventListener("change", () => { if (missed) missed.remove(); remember({ run: select.value }); chosen(runs.find((run) => run.id === select.value)); });
  place.append(el("label", { className: "picker" }, "Run ", select), missed);
  chosen(known);
}

export function complain(place, error) {
  place.replaceChildren(el("p", { className: "problem", role: "alert" }, error.message || String(error)));
}

export const imageOf = (run, key, side = 160) => `/data/runs/${run}/image/${key}?side=${side}`;

export const cellName = (cell) => (cell.facet ? `${cell.class_name}, ${cell.facet}=${cell.value}` : cell.class_name);
