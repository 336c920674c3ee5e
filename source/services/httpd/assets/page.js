"use strict";
(() => {
  // The forms that numbers have: the same as in nexus-words.
  const number = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const size = (bytes) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = 0;
    let one = 1;
    while (bytes / one >= 1024 && unit < 6) {
      one *= 1024;
      unit += 1;
    }
    const whole = Math.floor(bytes / one);
    const tenths = Math.floor(((bytes % one) * 10) / one);
    return (whole < 10 && tenths > 0 ? `${whole}.${tenths}` : `${whole}`) + ` ${units[unit]}`;
  };
  const duration = (ms) => {
    let left = Math.floor(ms / 1000);
    const parts = [];
    for (const [unit, name] of [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]]) {
      const count = Math.floor(left / unit);
      left %= unit;
      if (count > 0 || (unit === 1 && parts.length === 0)) parts.push(`${count} ${name}`);
    }
    return parts.slice(0, 2).join(" ");
  };
  const seconds = (ms) => `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, "0")}`;
  const share = (n) => `${Math.floor(n / 10)}.${n % 10} %`;
  const forms = { number, size, duration, seconds, share, list: (list) => list.join(", "), text: String };

  const field = (all, path) => path.split(".").reduce((part, key) => part?.[key], all);
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // A record as a row; what it says becomes text and nothing else.
  const row = (record) => {
    const cells = [
      ["No.", number(record.seq), "n"], ["Second", seconds(record.at_ms), "n"],
      ["Asked by", record.asker, "s"], ["What", record.what, "s"], ["Service", record.service, "s"],
      ["Device", record.device, "s"],
      ["Why", (record.times > 1 ? `${number(record.times)} times: ` : "") + record.why],
    ];
    const tr = document.createElement("tr");
    for (const [label, text, name] of cells) {
      const td = tr.appendChild(document.createElement("td"));
      td.dataset.l = label;
      if (name) td.className = name;
      const inside = label === "What" ? td.appendChild(document.createElement("span")) : td;
      if (label === "What") inside.className = "what";
      inside.textContent = text;
    }
    if (record.remedy) {
      const small = document.createElement("small");
      small.textContent = `To change: ${record.remedy}`;
      tr.lastChild.append(" ", small);
    }
    return tr;
  };

  const verdict = (chain) => {
    switch (chain.state) {
      case "whole":
        return `logd computed all of it anew, up to record ${number(chain.checked)}, and each fits the one before; ` +
          "keep the head to know later that nothing up to it was changed.";
      case "broken":
        return `Record ${number(chain.broken_at)} was changed, moved or taken out.`;
      case "replaced":
        return "It fits in itself, but is not the ledger that was there before.";
      default:
        return `Computed anew so far: up to record ${number(chain.checked)}.`;
    }
  };

  const names = (all) => [all.devices, all.services].map((list) => list.map((one) => one.name));
  const ties = (all) => JSON.stringify([names(all), all.rings, all.rules.length, all.times.length,
    all.devices.map((device) => [device.state, device.owner, device.rule])]);
  let drawn = null;
  let shown = {};

  const show = (all) => {
    // Who owns what has changed: the page is made anew, with its graph.
    drawn ??= ties(all);
    if (drawn !== ties(all)) return location.reload();
    each("[data-v]", (element) => {
      const value = field(all, element.dataset.v);
      if (value == null) return;
      if (element.dataset.as === "meter") element.value = value;
      else put(element, forms[element.dataset.as ?? "text"](value));
    });
    each("[data-w]", (element) => { element.dataset.well = field(all, element.dataset.w); });
    each("[data-chain]", (element) => { element.dataset.chain = all.ledger.chain.state; });
    put(document.getElementById("verdict"), verdict(all.ledger.chain));
    each("[data-rows]", (body) => {
      const records = field(all, body.dataset.rows);
      const text = JSON.stringify(records);
      if (shown[body.dataset.rows] !== text) body.replaceChildren(...records.map(row).reverse());
      shown[body.dataset.rows] = text;
      body.closest("div")?.toggleAttribute("hidden", records.length === 0);
    });
    document.getElementById("no-denials").hidden = all.ledger.denials.length > 0;
    document.getElementById("behind").hidden = all.behind.length === 0;
  };

  const pulse = document.getElementById("pulse");
  let asking = false;
  const refresh = async () => {
    // One question at a time: who is slow to answer is not asked more for that.
    if (document.hidden || asking) return;
    asking = true;
    try {
      const answer = await fetch("/api");
      if (!answer.ok) throw new Error(answer.statusText);
      show(await answer.json());
      pulse.className = "live";
      pulse.title = "";
    } catch (error) {
      pulse.className = "lost";
      pulse.title = `No answer: ${error.message}`;
    } finally {
      asking = false;
    }
  };

  // Whoever is pointed at in the graph is lit, with whom it is tied to.
  each(".graph", (graph) => {
    const light = (key) => {
      const lit = new Set([key]);
      graph.querySelectorAll(".tie").forEach((tie) => {
        const { a, b } = tie.dataset;
        const on = key !== null && (a === key || b === key);
        tie.classList.toggle("lit", on);
        if (on) lit.add(a).add(b);
      });
      graph.querySelectorAll(".node").forEach((node) => {
        node.classList.toggle("lit", key !== null && lit.has(node.dataset.n));
      });
      graph.classList.toggle("some", key !== null);
    };
    const of = (event) => event.target.closest(".node")?.dataset.n ?? null;
    graph.addEventListener("pointerover", (event) => light(of(event)));
    graph.addEventListener("pointerleave", () => light(null));
    // A drawing that listens to these itself is a stop of the Tab key, at which there is nothing.
    graph.parentElement.addEventListener("focusin", (event) => light(of(event)));
    graph.parentElement.addEventListener("focusout", () => light(null));
  });

  refresh();
  setInterval(refresh, 2000);
  document.addEventListener("visibilitychange", refresh);
})();
