// The trace page: decisions, prompts, calls, results and costs as a tree; a step is loaded in full when it opens.
import { address, ask, cellName, complain, counted, el, imageOf, remember, runPicker } from "./shared.js";

const EVERY_MS = 2000;
const TYPING_MS = 250;

export function start(element) {
  const head = el("div"), tools = el("div", { className: "tools" }), status = el("p", { className: "quiet", role: "status" });
  const missed = el("p", { className: "problem", role: "alert" }), tree = el("div", { id: "tree" });
  element.replaceChildren(el("div", { className: "atlantis trace" }, head, tools, status, missed, tree));
  let run = null, stamp = "", words = address.get("words") || "", wanted = null;

  async function draw(again) {
    const query = words, queried = run;
    const found = await ask(`/runs/${run.id}/trace?${new URLSearchParams({ words, seen: again ? stamp : "" })}`);
    if (!found.steps || query !== words || queried !== run) return; // nothing new, or a newer query
    stamp = found.stamp;
    tree.ariaBusy = "false";
    const open = new Set([...tree.querySelectorAll("details[open]")].map((one) => one.dataset.id));
    const hits = new Set(found.found);
    const calls = found.steps.reduce((sum, step) => sum + step.tokens, 0), usd = found.steps.reduce((sum, step) => sum + step.usd, 0);
    status.textContent = words ? `${counted(hits.size, "step")} with “${words}”` : `${found.steps.length} steps, ${found.took}, ${calls.toLocaleString("en")} tokens, $${usd.toFixed(4)}`;
    tree.replaceChildren(...found.steps.filter((step) => !words || isOrHasHit(step, hits)).map((step) => node(run, step, hits, open)));
    if (wanted) mark(tree, run, wanted);
  }

  // Opens the step that the address names, or the step that generated the image it names.
  async function find() {
    const image = address.get("image");
    wanted = image ? await ask(`/runs/${run.id}/made/${image}`) : { event: address.get("event") };
    const found = wanted.event && mark(tree, run, wanted);
    if (found) {
      await Promise.all([...tree.querySelectorAll("details[open]")].map((one) => one.load())); // steps that open above it would move it
      found.querySelector("summary").focus();
      found.scrollIntoView({ block: "start" });
    } else if (wanted.event) missed.textContent = `Event ${String(wanted.event).slice(0, 40)} is not in this trace.`;
  }

  let typing = 0;
  const search = (event) => {
    words = event.target.value.trim();
    remember({ words });
    status.textContent = words ? `Searching for “${words}” ...` : ""; // the old result does not belong to the new words
    tree.ariaBusy = "true";
    clearTimeout(typing);
    typing = setTimeout(() => draw().catch((error) => complain(tree, error)), TYPING_MS);
  };
  tools.append(el("label", { className: "wide" }, "Search the whole trace", el("input", { type: "search", id: "words", value: words, maxLength: 200, placeholder: "a class, a prompt, an image's key ...", oninput: search })),
  el("button", { type: "button", onclick: () => tree.querySelectorAll("details").forEach((one) => { one.open = false; }) }, "Collapse all"));

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

const isOrHasHit = (step, hits) => hits.has(step.id) || step.children.some((child) => isOrHasHit(child, hits));

function node(run, step, hits, open) {
  const body = el("div", { className: "body" });
  const summary = el("summary", { className: hits.has(step.id) ? "hit" : "" }, el("span", { className: `kind ${step.status}` }, step.title), step.gist ? el("span", { className: "quiet" }, ` ${step.gist}`) : null);
  const details = el("details", { "data-id": step.id, id: `event-${step.id}` }, summary, body, ...step.children.map((child) => node(run, child, hits, open)));
  let loaded = null;
  details.load = () => {
    loaded ??= ask(`/runs/${run.id}/trace/${step.id}`).then((event) => body.replaceChildren(...inFull(event)), (error) => { loaded = null; complain(body, error); });
    return loaded;
  };
  details.addEventListener("toggle", () => { if (details.open) whenSeen(body, details.load); }); // a search opens hundreds
  if (open.has(String(step.id)) || (hits.size && (isOrHasHit(step, hits)))) details.open = true;
  return details;
}

function whenSeen(place, act) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    act();
  }, { rootMargin: "600px" }); // a step has no height before it is loaded
  observer.observe(place);
}

function inFull(event) {
  const when = new Date(event.started * 1000).toLocaleString("en-GB");
  const facts = [`${event.kind} ${event.name}`, when, event.seconds === null ? "still open" : `${event.seconds} s`, event.status];
  if (event.tokens) facts.push(`${event.tokens.toLocaleString("en")} tokens`, `$${event.usd.toFixed(4)}`);
  const parts = [el("p", { className: "quiet" }, facts.join(" · "))];
  const messages = event.input && event.input.messages;
  if (Array.isArray(messages)) {
    for (const message of messages) parts.push(el("h4", {}, `prompt: ${message.type}`), el("pre", { tabIndex: 0 }, typeof message.content === "string" ? message.content : JSON.stringify(message.content, null, 1)));
  } else if (event.input !== null) parts.push(el("h4", {}, "input"), el("pre", { tabIndex: 0 }, JSON.stringify(event.input, null, 1)));
  const { output } = event, cells = requestedCells(output);
  if (output !== null) parts.push(el("h4", {}, "output"), el("pre", { tabIndex: 0 }, typeof output === "string" ? output : JSON.stringify(output, (_, value) => (value === cells ? undefined : value), 1)));
  if (cells) parts.push(prompts(cells));
  return parts;
}

// The cells and prompts that a step wrote or that a person edited.
const requestedCells = (output) => output && ((output.artifact && output.artifact.cells) || (output.answer && output.answer.protocol && output.answer.protocol.cells));

function prompts(cells) {
  const count = cells.reduce((sum, one) => sum + one.prompts.length, 0);
  return el("details", { className: "prompts" }, el("summary", {}, `${count.toLocaleString("en")} prompts for ${cells.length.toLocaleString("en")} cells`),
    ...cells.flatMap((one) => [el("h4", {}, cellName(one.cell)), el("pre", { tabIndex: 0 }, one.prompts.join("\n"))]));
}

// Opens a step and those above it and adds the facts of the image it generated. Returns it, or null if not shown.
function mark(tree, run, { event, image }) {
  const found = tree.querySelector(`#event-${CSS.escape(String(event))}`);
  if (!found) return null;
  for (let one = found; one && one !== tree; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  found.classList.add("wanted");
  if (image) found.querySelector("summary").after(imageFacts(run, image));
  return found;
}

function imageFacts(run, image) {
  const thumbnail = (key, alt) => el("img", { src: imageOf(run.id, key), alt });
  const facts = {
    image: [thumbnail(image.key, "the image"), " ", el("a", { href: `/gallery?run=${run.id}&words=${image.key}` }, image.key)],
    "cell": [cellName({ class_name: image.class, ...image })],
    prompt: [image.prompt],
    "source image": image.source ? [thumbnail(image.source, "the real source image")] : ["no image (generated from the prompt alone)"],
    generator: [`${image.generator}, seed ${image.seed}`],
    verdict: [el("span", { className: `verdict ${image.status}` }, image.status), judged(image)],
  };
  return el("dl", { className: "made" }, ...Object.entries(facts).flatMap(([name, parts]) => [el("dt", {}, name), el("dd", {}, ...parts)]));
}

function judged({ verdict, by_hand: byHand }) {
  if (!verdict) return ": not filtered yet";
  return byHand ? `: ${verdict.reason}` : ` by ${verdict.filter}, score ${verdict.score.toFixed(3)}: ${verdict.reason}`;
}
