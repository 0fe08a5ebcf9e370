// The form that answers a protocol: approve (counts and prompts can be edited), draft again, reject, end the run.
// Where the planner asks a question instead, its form is shown in the same place.
import { showAsk } from "./asking.js";
import { ask, cellName, complain, counted, el } from "./shared.js";

const EVERY_MS = 700;
const MOST_CELLS = 40;
const MANY_REJECTIONS = 3;
const DONE = { approve: "Approved.", respond: "Passed on; it is drafted again.", reject: "Rejected; another protocol is drafted.", stop: "The run ends here." };
const MOST_TRIES = 20; // an answer reaches the trace within a second

export function start(element) {
  const place = el("div", { className: "atlantis" }), update = approvals(place);
  element.replaceChildren(place);
  setInterval(() => {
    const status = document.querySelector("#status [data-run]");
    if (status) update(status.dataset.run, status.dataset.status);
  }, EVERY_MS);
}

// Returns a function to call whenever a run's status may have changed. It shows the protocol that waits, then the
// answer it got, here or in another window, until the next protocol.
export function approvals(place) {
  let shown = null, busy = false;
  async function update(run, status) {
    if (shown && shown.run !== run) { place.replaceChildren(); shown = null; }
    if (status === "waiting" && run && !shown) shown = await show(place, run, () => { shown = null; });
    if (status !== "waiting" && shown && !shown.sent) shown = await showAnswer(place, shown);
  }
  return async (run, status) => {
    if (busy) return;
    busy = true;
    try { await update(run, status); } catch (error) { complain(place, error); }
    busy = false;
  };
}

// The protocol was answered elsewhere: show how. Returns `shown` to try again while the answer is not in the trace.
async function showAnswer(place, shown) {
  place.replaceChildren();
  if (!shown.protocol) { // a question of the planner
    place.append(el("p", { className: "quiet", role: "status" }, "Answered in another window; the run goes on."));
    return null;
  }
  const { message } = await ask(`/runs/${shown.run}/answered?protocol_id=${encodeURIComponent(shown.protocol)}`);
  if (!message) return shown.tries-- > 0 ? shown : null;
  place.replaceChildren(el("p", { className: "quiet", role: "status" }, `${shown.refused ? "Another window answered first" : "Answered"}: ${message}`));
  return null;
}

// Shows the form. Returns its state, or null where no protocol waits.
async function show(place, run, answered) {
  const { question } = await ask(`/runs/${run}/question`);
  if (!question) return showAsk(place, run, answered);
  place.replaceChildren();
  const protocol = question.protocol, shown = { run, protocol: protocol.id, sent: false, refused: false, tries: MOST_TRIES };
  const rows = protocol.cells.slice(0, MOST_CELLS).map((cell) => row(cell));
  const total = el("output", { id: "total" });
  const add = () => { total.textContent = counted(rows.reduce((sum, one) => sum + (Number(one.count.value) || 0), rest(protocol)), "image"); };
  const problem = el("p", { className: "problem", role: "alert" });
  const reason = el("input", { type: "text", id: "reason", placeholder: "What should be different, or a reason", ariaLabel: "what should be different, or a reason", maxLength: 1000 });
  const send = async (decision) => {
    problem.textContent = "";
    buttons.forEach((button) => { button.disabled = true; });
    try {
      const cells = rows.some((one) => one.changed()) ? [...rows.map((one) => one.read()).filter((one) => one.count > 0), ...protocol.cells.slice(MOST_CELLS)] : null;
      await ask(`/runs/${run}/answer`, { decision, protocol_id: protocol.id, protocol_hash: question.hash, cells, words: reason.value, reason: reason.value });
      shown.sent = true;
      const done = el("p", { className: "quiet", role: "status", tabIndex: -1 }, DONE[decision]);
      place.replaceChildren(done);
      done.focus(); // the form is gone: keep the keyboard here, not at the top of the page
      setTimeout(answered, 1500);
    } catch (error) {
      problem.textContent = error.message;
      shown.refused = true;
      buttons.forEach((button) => { button.disabled = false; });
    }
  };
  const buttons = [
    el("button", { type: "submit", className: "primary", id: "approve" }, "Approve"),
    el("button", { type: "button", id: "respond", onclick: () => send("respond"), title: "The words go to the drafter; you are asked again" }, "Draft again"),
    el("button", { type: "button", id: "reject", onclick: () => send("reject"), title: "Another protocol is drafted; you are asked again" }, "Reject"),
    el("button", { type: "button", id: "end", onclick: () => send("stop"), title: "The run ends here" }, "End run"),
  ];
  const form = el("form", { className: "approval", ariaLabel: "Protocol to approve", onsubmit: (event) => { event.preventDefault(); send("approve"); }, oninput: add },
    el("h2", {}, `Round ${question.round}: generate these images?`),
    ...answersTo(question),
    el("p", {}, protocol.objective),
    el("p", { className: "quiet" }, `${protocol.reason.replace(/\.?$/, ".")} Expected gain on these cells: ${(100 * protocol.expected_gain).toFixed(1)} points of R@1.`),
    question.words ? el("p", { className: "quiet" }, `${question.words}.`) : null,
    el("ul", { className: "cells" }, ...rows.map((one) => one.item)),
    protocol.cells.length > MOST_CELLS ? el("p", { className: "quiet" }, `and ${counted(protocol.cells.length - MOST_CELLS, "more cell")} with ${counted(rest(protocol), "image")}`) : null,
    el("p", { className: "actions" }, total, ...buttons, reason), problem);
  place.append(form);
  add();
  return shown;
}

// What this draft answers to, and after several rejections the question whether to end the run.
function answersTo(question) {
  const last = (question.responses || []).at(-1), many = (question.rejections || 0) >= MANY_REJECTIONS;
  return [
    last ? el("p", { className: "quiet" }, `Drafted again, as you ${last.decision === "reject" ? "rejected the draft before" : "answered"}${last.words ? `: ${last.words}` : "."}`) : null,
    many ? el("p", { role: "status" }, `${question.rejections} drafts in a row were rejected. End the run?`) : null,
  ].filter(Boolean);
}

const rest = (protocol) => protocol.cells.slice(MOST_CELLS).reduce((sum, cell) => sum + cell.count, 0);

function row(request) {
  const name = cellName(request.cell);
  const count = el("input", { type: "number", min: 0, max: 1000000, step: 1, required: true, value: request.count, ariaLabel: `images of ${name}` });
  const before = request.prompts.join("\n");
  const prompts = el("textarea", { rows: Math.min(4, Math.max(1, request.prompts.length)), value: before, ariaLabel: `prompts for ${name}, one per line` });
  return {
    count,
    item: el("li", {}, el("label", {}, count, " ", name), el("details", { open: request.prompts.length > 0 && request.prompts.length < 3 }, el("summary", {}, counted(request.prompts.length, "prompt")), prompts)),
    changed: () => Number(count.value) !== request.count || prompts.value !== before,
    read: () => ({ ...request, count: Math.round(Number(count.value)), prompts: prompts.value.split("\n").map((line) => line.trim()).filter(Boolean) }),
  };
}
