// The protocol that waits, as a form: counts and prompts can be changed. It looks after itself, whoever's page it is on.
import { ask, cellName, complain, el } from "./shared.js";

const EVERY_MS = 700;
const MOST_CELLS = 40;
const MOST_TRIES = 20; // an answer is in the trace within a second

export function start(element) {
  const place = el("div", { className: "atlantis" }), look = approvals(place);
  element.replaceChildren(place);
  setInterval(() => {
    const status = document.querySelector("#status [data-run]");
    if (status) look(status.dataset.run, status.dataset.status);
  }, EVERY_MS);
}

// Returns what to call when a run may stand otherwise: it shows the protocol that waits, and then what was answered,
// here or in another window, until the next protocol.
export function approvals(place) {
  let shown = null, busy = false;
  async function look(run, standing) {
    if (shown && shown.run !== run) { place.replaceChildren(); shown = null; }
    if (standing === "waiting" && run && !shown) shown = await show(place, run, () => { shown = null; });
    if (standing !== "waiting" && shown && !shown.sent) shown = await leave(place, shown);
  }
  return async (run, standing) => {
    if (busy) return;
    busy = true;
    try { await look(run, standing); } catch (error) { complain(place, error); }
    busy = false;
  };
}

// The form was answered elsewhere: says how. Returns what is still shown where the answer is not in the trace yet.
async function leave(place, shown) {
  place.replaceChildren();
  const { told } = await ask(`/runs/${shown.run}/answered?protocol_id=${encodeURIComponent(shown.protocol)}`);
  if (!told) return shown.tries-- > 0 ? shown : null;
  place.replaceChildren(el("p", { className: "quiet", role: "status" }, `${shown.refused ? "Another window's answer counted" : "Answered"}: ${told}`));
  return null;
}

// Returns what is shown, or null where no protocol waits.
async function show(place, run, answered) {
  const { question } = await ask(`/runs/${run}/question`);
  if (!question) return null;
  place.replaceChildren();
  const protocol = question.protocol, shown = { run, protocol: protocol.id, sent: false, refused: false, tries: MOST_TRIES };
  const rows = protocol.cells.slice(0, MOST_CELLS).map((cell) => row(cell));
  const total = el("output", { id: "total" });
  const add = () => { total.textContent = `${rows.reduce((sum, one) => sum + (Number(one.count.value) || 0), 0) + rest(protocol)} images`; };
  const told = el("p", { className: "problem", role: "alert" });
  const reason = el("input", { type: "text", id: "reason", placeholder: "why, if you reject", maxLength: 300 });
  const send = async (decision) => {
    told.textContent = "";
    buttons.forEach((button) => { button.disabled = true; });
    try {
      const cells = rows.some((one) => one.changed()) ? [...rows.map((one) => one.read()).filter((one) => one.count > 0), ...protocol.cells.slice(MOST_CELLS)] : null;
      await ask(`/runs/${run}/answer`, { decision, protocol_id: protocol.id, cells, reason: reason.value });
      shown.sent = true;
      const said = el("p", { className: "quiet", role: "status", tabIndex: -1 }, decision === "approve" ? "Approved." : "Rejected.");
      place.replaceChildren(said);
      said.focus(); // the form is gone: the keyboard goes on from here, not from the top of the page
      setTimeout(answered, 1500);
    } catch (error) {
      told.textContent = error.message;
      shown.refused = true;
      buttons.forEach((button) => { button.disabled = false; });
    }
  };
  const buttons = [
    el("button", { type: "submit", className: "primary", id: "approve" }, "Approve"),
    el("button", { type: "button", id: "reject", onclick: () => send("reject") }, "Reject"),
  ];
  const form = el("form", { className: "approval", ariaLabel: "Protocol that waits", onsubmit: (event) => { event.preventDefault(); send("approve"); }, oninput: add },
    el("h2", {}, `Round ${question.round}: approve what is made?`),
    el("p", {}, protocol.objective),
    el("p", { className: "quiet" }, `${protocol.reason} Expected gain there: ${(100 * protocol.expected_gain).toFixed(1)} points of R@1.`),
    el("ul", { className: "cells" }, ...rows.map((one) => one.item)),
    protocol.cells.length > MOST_CELLS ? el("p", { className: "quiet" }, `and ${protocol.cells.length - MOST_CELLS} cells more, with ${rest(protocol)} images`) : null,
    el("p", { className: "actions" }, total, ...buttons, reason), told);
  place.append(form);
  add();
  return shown;
}

const rest = (protocol) => protocol.cells.slice(MOST_CELLS).reduce((sum, cell) => sum + cell.count, 0);

function row(request) {
  const { cell } = request;
  const name = cellName(cell);
  const count = el("input", { type: "number", min: 0, max: 1000000, step: 1, required: true, value: request.count, ariaLabel: `images of ${name}` });
  const before = request.prompts.join("\n");
  const prompts = el("textarea", { rows: Math.min(4, Math.max(1, request.prompts.length)), value: before, ariaLabel: `prompts for ${name}, one a line` });
  return {
    count,
    item: el("li", {}, el("label", {}, count, " ", name), el("details", { open: request.prompts.length > 0 && request.prompts.length < 3 }, el("summary", {}, `${request.prompts.length} prompts`), prompts)),
    changed: () => Number(count.value) !== request.count || prompts.value !== before,
    read: () => ({ ...request, count: Math.round(Number(count.value)), prompts: prompts.value.split("\n").map((line) => line.trim()).filter(Boolean) }),
  };
}
