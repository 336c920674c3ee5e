// Every link, clicked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SIZES, visit } from "./browser.mjs";
import { PAGE } from "./machine.mjs";

/** What is wrong with where the target of the address stands: it must be below the top bar, and in the window. */
const landed = () => {
  const target = document.querySelector(":target");
  if (!target) return `${location.hash} is nowhere`;
  const bar = document.querySelector("header").getBoundingClientRect().bottom;
  const { top } = target.getBoundingClientRect();
  return top >= bar - 1 && top < innerHeight ? "" : `${location.hash} is at ${top}, the bar ends at ${bar}`;
};

test("each link of the bar leads to its part, which is then below the bar", async () => {
  for (const size of Object.keys(SIZES)) {
    for (const scripts of [true, false]) {
      await visit({ size, scripts, held: true }, async (page) => {
        const links = await page.locator("nav a").all();
        assert.equal(links.length, 7);
        for (const link of links) {
          await link.click();
          assert.equal(new URL(page.url()).hash, await link.getAttribute("href"));
          assert.equal(await page.evaluate(landed), "", size);
        }
      });
    }
  }
});

test("each link within the page leads to what it names", async () => {
  for (const size of ["phone", "desk"]) {
    await visit({ size, held: true }, async (page) => {
      const links = await page.locator("main a[href^='#']").all();
      assert(links.length > 50, `${links.length} links`);
      const wrong = [];
      for (const link of links) {
        const name = await link.evaluate((one) => {
          one.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
          return (one.querySelector(".name") ?? one).textContent;
        });
        const row = await page.evaluate(() => document.querySelector(":target th")?.textContent ?? "");
        wrong.push(await page.evaluate(landed), row.startsWith(name) ? "" : `${name} leads to ${row}`);
      }
      assert.deepEqual(wrong.filter((one) => one !== ""), [], size);
    });
  }
});

test("a box of the graph that is clicked leads to its row, and one that is pointed at lights what it is tied to", async () => {
  await visit({ size: "desk", held: true }, async (page, told) => {
    const box = page.locator(".graph .node.device").first();
    await box.hover();
    const lit = await page.locator(".graph .tie.lit").evaluateAll((ties) => ties.map((tie) => tie.dataset.a));
    const key = await box.getAttribute("data-n");
    const ties = await page.locator(`.graph .tie[data-a="${key}"], .graph .tie[data-b="${key}"]`).count();
    assert(ties > 0 && lit.length === ties, `${lit.length} of ${ties} are lit`);
    assert((await page.locator(".graph .node:not(.lit)").count()) > 0);
    await box.click();
    assert.equal(new URL(page.url()).hash, `#${key}`);
    assert.equal(await page.evaluate(landed), "");
    await page.mouse.move(0, 0);
    assert.equal(await page.locator(".graph .lit").count(), 0);
    assert.deepEqual(told, []);
  });
});

test("the links below lead to JSON, its schema and metrics", async () => {
  await visit({ size: "phone" }, async (page) => {
    for (const [name, path, type, holds] of [
      ["JSON", "api", "application/json", (text) => JSON.parse(text).version === 1],
      ["schema", "api/schema", "application/schema+json", (text) => JSON.parse(text).$schema !== undefined],
      ["metrics", "metrics", "text/plain; version=0.0.4; charset=utf-8", (text) => /^nexus_\w+/m.test(text)],
    ]) {
      const [answer] = await Promise.all([
        page.waitForResponse((one) => one.url() === PAGE + path && one.request().isNavigationRequest()),
        page.locator("footer a", { hasText: name }).click(),
      ]);
      assert.equal(answer.status(), 200);
      assert.equal(answer.headers()["content-type"], type);
      assert(holds(await answer.text()), path);
      await page.goto(PAGE);
    }
  });
});
