// What the page shows, beside what the prompt answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { ask, newer, table } from "./machine.mjs";

/** The rows of a table of the page: for each its id, and its cells by their labels. */
const rows = (page, selector) => page.locator(`${selector} tbody tr`).evaluateAll((all) => all.map((row) => ({
  id: row.id,
  name: row.querySelector("th")?.firstChild.textContent.trim(),
  small: row.querySelector("th small")?.textContent,
  ...Object.fromEntries([...row.querySelectorAll("td")].map((cell) => [cell.dataset.l, cell.innerText.replace(/\s+/g, " ").trim()])),
})));

/** A number as the page writes it, without what stands between thousands. */
const number = (text) => Number(text.replace(/[\s\u202f]/g, "").match(/^\d+/)[0]);

test("devices, their owners and rules are those that `owners` says", async () => {
  const told = await table("owners");
  await visit({}, async (page) => {
    const shown = await rows(page, "#devices");
    assert.deepEqual(
      shown.map((row) => [row.name, row.Owner, row["By rule"]]),
      told.map((row) => [row.DEVICE, row.OWNER, row["BY RULE"]]),
    );
    // The graph says the same: a tie from each device to its owner.
    const ties = await page.locator(".graph .tie.holds").evaluateAll((all) => all.map((tie) => {
      const name = (key) => document.querySelector(`.graph [data-n="${key}"] .name`).textContent;
      return [tie.dataset.a, tie.dataset.b].map(name).sort().join(" ") + ": " + tie.querySelector("text").textContent;
    }));
    const held = told.map((row) => [row.DEVICE, row.OWNER].sort().join(" ") + ": " + row["BY RULE"]);
    const same = (tie) => held.some((one) => one === tie || (tie.endsWith("…") && one.startsWith(tie.slice(0, -1))));
    assert.equal(ties.length, held.length);
    assert.deepEqual(ties.filter((tie) => !same(tie)), []);
  });
});

test("interrupt lines are those that `irqs` says, and count between two answers of it", async () => {
  const before = await table("irqs");
  await newer();
  const shown = await visit({}, (page) => rows(page, "#devices"));
  const after = await table("irqs");
  const lines = shown.filter((row) => row.Interrupts !== "none");
  assert.deepEqual(lines.map((row) => row.name).sort(), before.map((row) => row.DEVICE).sort());
  for (const row of lines) {
    const [low, high] = [before, after].map((all) => all.find((one) => one.DEVICE === row.name));
    assert.match(row.Interrupts, new RegExp(`line ${low.LINE}, `));
    const count = number(row.Interrupts);
    assert(Number(low.DELIVERED) <= count && count <= Number(high.DELIVERED), `${low.DELIVERED} ${count} ${high.DELIVERED}`);
  }
});

test("the memory that a device reaches is of the pool that `dma` says", async () => {
  const told = await table("dma");
  const shown = await visit({}, (page) => rows(page, "#devices"));
  for (const one of told) {
    const row = shown.find((row) => row.name === one.DEVICE);
    assert(row["Memory it reaches"].includes(`of a pool of ${one.SIZE}, ${one.STATE}`), row["Memory it reaches"]);
  }
  const reaching = shown.filter((row) => row["Memory it reaches"] !== "none").map((row) => row.name);
  assert.deepEqual(reaching.sort(), told.map((row) => row.DEVICE).sort());
});

test("services, their lives, priorities and memory are those that `ps` says", async () => {
  const told = await table("ps");
  const shown = await visit({}, (page) => rows(page, "#services"));
  assert.deepEqual(
    shown.map((row) => [row.id, row.name, row.small, row.Lives, row.State, row.Memory.match(/of (.*)$/)?.[1]]),
    told.map((row) => [`s${row.ID}`, row.NAME, `priority ${row.PRIO}`, row.LIFE, row.STATE, row.OF]),
  );
});

test("a service holds as many capabilities as `caps` says", async () => {
  const shown = await visit({}, (page) => rows(page, "#services"));
  for (const row of shown.filter((one) => ["rngd", "logd", "policyd", "virtioblkd", "consoled"].includes(one.name))) {
    const [first] = await ask(`caps ${row.name}`);
    assert.equal(first, `${row.name} holds ${row.Holds} ${row.Holds === "1" ? "capability" : "capabilities"}`);
  }
});

test("a rule is allowed for the reason that `why` says", async () => {
  const owners = await table("owners");
  await visit({}, async (page) => {
    const rules = Object.fromEntries(await page.locator("#rules .rules div").evaluateAll((all) =>
      all.map((one) => [one.querySelector("code").textContent, one.querySelector("dd").textContent])));
    for (const { DEVICE, OWNER, "BY RULE": rule } of owners) {
      const lines = await ask(`why ${OWNER} ${DEVICE}`);
      const text = lines.join(" ").replace(/\s+/g, " ");
      assert(text.startsWith(`allowed: ${OWNER} may hold ${DEVICE} by rule ${rule} `), text);
      assert(text.includes(`reason ${rules[rule]} rights`), `${rule}: ${rules[rule]} | ${text}`);
    }
  });
});

test("records of the ledger are those that `ledger` prints", async () => {
  const shown = await visit({}, (page) => rows(page, "#ledger"));
  const printed = (await ask("ledger all")).join("\n");
  assert(shown.length >= 20, `${shown.length} records`);
  for (const row of shown) {
    const [seq, second] = [row["No."].replace(/\D/g, ""), row.Second];
    const line = printed.split("\n").find((one) => one.trim().startsWith(`${seq} `));
    assert(line, `record ${seq} is not in the ledger`);
    for (const part of [second, row["Asked by"], row.What, row.Service, row.Device]) {
      assert(line.includes(part), `${part} is not in: ${line}`);
    }
  }
  assert.match(printed, /Chain whole/);
});

test("the state of network, disk and store is what the prompt says", async () => {
  const ip = (await ask("ip")).join(" ");
  const net = await ask("net");
  await newer();
  await visit({}, async (page) => {
    const groups = Object.fromEntries(await page.locator("#counters .groups > div").evaluateAll((all) => all.map((one) => [
      one.querySelector("h3").textContent,
      Object.fromEntries([...one.querySelectorAll("dl div")].map((pair) =>
        [pair.querySelector("dt").textContent, pair.querySelector("dd").textContent.trim()])),
    ])));
    assert(ip.startsWith(`${groups.Network.State};`) || ip.includes(groups.Network.State), `${ip} | ${groups.Network.State}`);
    assert(net[0].startsWith(`link ${groups["Network card"].Link},`), net[0]);
    const frames = net.find((line) => line.startsWith("frames")).split(/\s+/).slice(1).map(Number);
    assert(number(groups["Network card"]["Frames in"]) >= frames[0]);
    assert(number(groups["Network card"]["Frames out"]) >= frames[1]);
    assert.equal(groups.Disk.Errors, "0");
  });
});
