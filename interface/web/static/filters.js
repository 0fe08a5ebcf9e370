// Filters of a search: a select for each column with several values.
import { el } from "./shared.js";

const escaped = (text) => text.replace(/[=,]/g, "\\$&"); // in the syntax of --where: COL=V

export function filters(columns, changed) {
  const selects = new Map();
  const group = el("div", { className: "tools filters", role: "group", ariaLabel: "Filters" });
  for (const [column, values] of Object.entries(columns)) {
    if (values.length < 2) continue;
    const select = el("select", { name: column, onchange: changed }, el("option", { value: "" }, "any"), ...values.map((value) => el("option", { value }, value)));
    selects.set(column, select);
    group.append(el("label", {}, column, select));
  }
  const chosen = () => [...selects].filter(([, select]) => select.value).map(([column, select]) => `${escaped(column)}=${escaped(select.value)}`);
  return { group, chosen };
}
