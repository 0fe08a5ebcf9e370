// The trace: every decision, prompt, call, result and cost as a tree; one step in full when it is opened.
import { address, ask, cellName, complain, el, imageOf, remember, runPicker } from "./shared.js";

const EVERY_MS = 2000;
const TYPING_MS = 250;

export function start(element) {
  const head = el("div"), tools = el("div", { className: "tools" }), told = el("p", { className: "quiet", role: "status" });
  const missed = el("p", { className: "problem", role: "alert" }), tree = el("div", { id: "tree" });
  element.replaceChildren(el("div", { className: "atlantis trace" }, head, tools, told, missed, tree));
  let run = null, stamp = "", words = address.get("words") || "", wanted = null;

  async function draw(again) {
    const sought = words, looked = run;
    const found = await ask(`/runs/${run.id}/trace?${new URLSearchParams({ words, seen: again ? stamp : "" })}`);
    if (!found.steps || sought !== words || looked !== run) return; // nothing new, or another question by now
    stamp = found.stamp;
    tree.ariaBusy = "false";
    const open = new Set([...tree.querySelectorAll("details[open]")].map((one) => one.dataset.id));
    const hits = new Set(found.found);
    const calls = found.steps.reduce((sum, step) => sum + step.tokens, 0), usd = found.steps.reduce((sum, step) => sum + step.usd, 0);
    told.textContent = words ? `${hits.size === 1 ? "1 step holds" : `${hits.size} steps hold`} “${words}”` : `${found.steps.length} steps, ${found.took}, ${calls.toLocaleString("en")} tokens, $${usd.toFixed(4)}`;
    tree.replaceChildren(...found.steps.filter((step) => !words || holds(step, hits)).map((step) => node(run, step, hits, open)));
    if (wanted) mark(tree, run, wanted);
  }

  // Opens the step that the address names, or the one that made the image it names.
  async function find() {
    const image = address.get("image");
    wanted = image ? await ask(`/runs/${run.id}/made/${image}`) : { event: address.get("event") };
    const found = wanted.event && mark(tree, run, wanted);
    if (found) {
      await Promise.all([...tree.querySelectorAll("details[open]")].map((one) => one.load())); // what opens above would move it away
      found.querySelector("summary").focus();
      found.scrollIntoView({ block: "start" });
    } else if (wanted.event) missed.textContent = `Event ${String(wanted.event).slice(0, 40)} is not among these steps.`;
  }

  let typing = 0;
  const search = (event) => {
    words = event.target.value.trim();
    remember({ words });
    told.textContent = words ? `Searching for “${words}” ...` : ""; // what was found before is no answer to it
    tree.ariaBusy = "true";
    clearTimeout(typing);
    typing = setTimeout(() => draw().catch((error) => complain(tree, error)), TYPING_MS);
  };
  tools.append(el("label", { className: "wide" }, "Search in all of it", el("input", { type: "search", id: "words", value: words, maxLength: 200, placeholder: "a class, a prompt, an image's key ...", oninput: search })),
  el("button", { type: "button", onclick: () => tree.querySelectorAll("details").forEach((one) => { one.open = false; }) }, "Fold all"));

  runPicker(head, async (chosen) => {
    const first = run === null;
    run = chosen;
    missed.textContent = "";
    wanted = null;
    remember(first ? { run: run.id } : { run: run.id, image: "", event: "" });
    try {
      await draw();
      await find();
    } catch (error) { complain(tree, error); }
  }).catch((error) => complain(head, error));
  setInterval(() => { if (run && !document.hidden) draw(true).catch(() => {}); }, EVERY_MS);
}

const holds = (step, hits) => hits.has(step.id) || step.children.some((child) => holds(child, hits));

function node(run, step, hits, open) {
  const body = el("div", { className: "body" });
  const summary = el("summary", { className: hits.has(step.id) ? "hit" : "" }, el("span", { className: `kind ${step.status}` }, step.title), step.gist ? el("span", { className: "quiet" }, ` ${step.gist}`) : null);
  const made = el("details", { "data-id": step.id, id: `event-${step.id}` }, summary, body, ...step.children.map((child) => node(run, child, hits, open)));
  let loaded = null;
  made.load = () => {
    loaded ??= ask(`/runs/${run.id}/trace/${step.id}`).then((event) => body.replaceChildren(...whole(event)), (error) => { loaded = null; complain(body, error); });
    return loaded;
  };
  made.addEventListener("toggle", () => { if (made.open) whenSeen(body, made.load); }); // a search opens hundreds
  if (open.has(String(step.id)) || (hits.size && (holds(step, hits)))) made.open = true;
  return made;
}

function whenSeen(place, act) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    act();
  }, { rootMargin: "600px" }); // a step at the lower edge has no height before it is loaded
  observer.observe(place);
}

function whole(event) {
  const when = new Date(event.started * 1000).toLocaleString("en-GB");
  const facts = [`${event.kind} ${event.name}`, when, event.seconds === null ? "still open" : `${event.seconds} s`, event.status];
  if (event.tokens) facts.push(`${event.tokens.toLocaleString("en")} tokens`, `$${event.usd.toFixed(4)}`);
  const parts = [el("p", { className: "quiet" }, facts.join(" · "))];
  const messages = event.input && event.input.messages;
  if (Array.isArray(messages)) {
    for (const message of messages) parts.push(el("h4", {}, `prompt: ${message.type}`), el("pre", { tabIndex: 0 }, typeof message.content === "string" ? message.content : JSON.stringify(message.content, null, 1)));
  } else if (event.input !== null) parts.push(el("h4", {}, "in"), el("pre", { tabIndex: 0 }, JSON.stringify(event.input, null, 1)));
  const { output } = event, cells = requested(output);
  if (output !== null) parts.push(el("h4", {}, "out"), el("pre", { tabIndex: 0 }, typeof output === "string" ? output : JSON.stringify(output, (_, value) => (value === cells ? undefined : value), 1)));
  if (cells) parts.push(prompts(cells));
  return parts;
}

// The cells with their prompts that a step wrote, or a person approved otherwise than they were written.
const requested = (output) => output && ((output.artifact && output.artifact.cells) || (output.answer && output.answer.protocol && output.answer.protocol.cells));

function prompts(cells) {
  const count = cells.reduce((sum, one) => sum + one.prompts.length, 0);
  return el("details", { className: "prompts" }, el("summary", {}, `${count.toLocaleString("en")} prompts for ${cells.length.toLocaleString("en")} cells`),
    ...cells.flatMap((one) => [el("h4", {}, cellName(one.cell)), el("pre", { tabIndex: 0 }, one.prompts.join("\n"))]));
}

// Opens a step and all above it, with the facts of the image that it made; returns it, or null where it is not shown.
function mark(tree, run, { event, image }) {
  const found = tree.querySelector(`#event-${CSS.escape(String(event))}`);
  if (!found) return null;
  for (let one = found; one && one !== tree; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  found.classList.add("wanted");
  if (image) found.querySelector("summary").after(made(run, image));
  return found;
}

function made(run, image) {
  const photo = (key, alt) => el("img", { src: imageOf(run.id, key), alt });
  const facts = {
    image: [photo(image.key, "the image you came from"), " ", el("a", { href: `/gallery?run=${run.id}&words=${image.key}` }, image.key)],
    "made for": [cellName({ class_name: image.class, ...image })],
    prompt: [image.prompt],
    "started from": image.source ? [photo(image.source, "the real photo it started from")] : ["no photo: drawn from its prompt alone"],
    generator: [`${image.generator}, seed ${image.seed}`],
    verdict: [el("span", { className: `verdict ${image.standing}` }, image.standing), judged(image)],
  };
  return el("dl", { className: "made" }, ...Object.entries(facts).flatMap(([name, told]) => [el("dt", {}, name), el("dd", {}, ...told)]));
}

function judged({ verdict, by_hand: byHand }) {
  if (!verdict) return ": the filters have not seen it yet";
  return byHand ? `: ${verdict.reason}` : ` by ${verdict.filter}, score ${verdict.score.toFixed(3)}: ${verdict.reason}`;
}
