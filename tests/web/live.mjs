// The page while the machine goes on: its numbers move, and what is done at the prompt is seen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, visit } from "./browser.mjs";
import { ask } from "./machine.mjs";

const value = (page, path) => page.locator(`[data-v="${path}"]`).first().textContent();
const number = (text) => Number(text.replace(/\D/g, ""));

test("counters move while the page stands open", async () => {
  await visit({}, async (page) => {
    // A page that was made anew would have lost this.
    await page.evaluate(() => { window.stands = true; });
    const paths = ["totals.interrupts", "card.received.frames", "card.sent.frames"];
    const before = await Promise.all(paths.map((path) => value(page, path)));
    const up = await value(page, "uptime_ms");
    await until(async () => {
      const now = await Promise.all(paths.map((path) => value(page, path)));
      return now.every((one, at) => number(one) > number(before[at]));
    }, `${paths} grow`);
    await until(async () => (await value(page, "uptime_ms")) !== up, "time goes on");
    assert.equal(await page.locator("#pulse").getAttribute("class"), "live");
    assert.equal(await page.evaluate(() => window.stands), true, "the page was not made anew");
  });
});

test("a refusal at the prompt is on the page, with its reason", async () => {
  await visit({}, async (page) => {
    const denied = number(await value(page, "ledger.denied"));
    const said = (await ask("try nsh uart0")).join(" ");
    assert.match(said, /denied|refused/);
    // The page may be made anew meanwhile, where a priority runs for the first time.
    await until(async () => number(await value(page, "ledger.denied").catch(() => "0")) === denied + 1, "one more is counted");
    const row = await page.locator("#denials tbody tr").first().innerText();
    for (const part of ["denied", "nsh", "uart0", "To change:"]) assert(row.includes(part), `${part}: ${row}`);
    assert(await page.locator("#no-denials").isHidden());
  });
});

test("a driver that is killed is on the page in its next life", async () => {
  await visit({}, async (page) => {
    const id = await page.locator("#services tr", { has: page.locator("th", { hasText: "rngd" }) }).getAttribute("id");
    const lives = async () => number(await page.locator(`#${id} td[data-l="Lives"]`).textContent());
    const state = () => page.locator(`#${id} .state`).textContent();
    const before = await lives();
    await ask("kill rngd");
    // The page may be made anew meanwhile, for want of an owner.
    const again = async () => (await lives().catch(() => 0)) === before + 1 && (await state().catch(() => "")) === "ready";
    await until(again, "the next life");
    const owner = page.locator("#devices tr", { has: page.locator("th", { hasText: "rng0" }) }).locator("td").first();
    await until(async () => (await owner.textContent().catch(() => "")) === "rngd", "who has its device again");
  });
});
