// How the page looks: in three windows, light and dark, with scripts and without.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SIZES, visit } from "./browser.mjs";
import { boxes, overlaps, texts, widths } from "./layout.mjs";

/** Pixels that the boxes of two texts may share: those of letters reach a little over their lines. */
const SLACK = 3;
/** The smallest letters, in CSS pixels: of what is read, and of what a drawing says beside what tables say. */
const SMALLEST = { text: 12, drawn: 10 };
/** WCAG 2.2, 1.4.3 (AA). */
const CONTRAST = 4.5;

const ways = Object.keys(SIZES).flatMap((size) =>
  ["light", "dark"].flatMap((scheme) => [true, false].map((scripts) => ({ size, scheme, scripts }))));

/** Looks in every way; what is wrong in each, by its name. */
async function each(look) {
  const wrong = {};
  for (const way of ways) {
    const found = await visit({ ...way, held: true }, look);
    const name = `${way.size}, ${way.scheme}, ${way.scripts ? "with" : "without"} scripts`;
    if (found.length > 0) wrong[name] = found;
  }
  assert.deepEqual(wrong, {});
}

test("the page fits its window, and nothing lies over anything else", async () => {
  await each(async (page) => {
    const wrong = [];
    const { page: wide, window } = await page.evaluate(widths);
    if (wide > window) wrong.push(`the page is ${wide} wide, the window ${window}`);
    const all = await page.evaluate(texts);
    assert(all.length > 300, `${all.length} texts`);
    const out = all.filter((one) => !one.moved && (one.left < 0 || one.right > window + 0.5));
    wrong.push(...out.map((one) => `over the edge: ${one.text}`));
    wrong.push(...overlaps(all, SLACK));
    wrong.push(...overlaps(await page.evaluate(boxes), 1).map((pair) => `in the graph: ${pair}`));
    return wrong;
  });
});

test("text is large enough and stands out from what is behind it", async () => {
  await each(async (page) => {
    const all = await page.evaluate(texts);
    const small = all.filter((one) => one.letters < (one.drawn ? SMALLEST.drawn : SMALLEST.text));
    const faint = all.filter((one) => one.contrast < CONTRAST);
    return [
      ...small.map((one) => `${one.letters.toFixed(1)} px: ${one.text}`),
      ...faint.map((one) => `contrast ${one.contrast.toFixed(2)}: ${one.text}`),
    ];
  });
});

test("without scripts the page says the same", async () => {
  const said = (page) => page.evaluate(() => {
    // What changes from one second to the next has the same place, and another value.
    document.querySelectorAll("[data-v], [data-rows]").forEach((one) => one.replaceChildren("…"));
    return document.body.innerText.replace(/\s+/g, " ");
  });
  const [without, with_] = [await visit({ scripts: false }, said), await visit({ held: true }, said)];
  assert(without.length > 3000, without);
  assert.equal(with_, without);
});

test("nothing moves by itself for whoever wants no movement", async () => {
  await visit({ still: true, held: true }, async (page) => {
    const moving = () => page.evaluate(() => {
      const timed = [...document.querySelectorAll("*")].filter((one) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(one);
        return Number.parseFloat(transitionDuration) > 0 || animationName !== "none" || scrollBehavior !== "auto";
      });
      return [document.getAnimations().length, timed.map((one) => one.tagName)];
    });
    assert.deepEqual(await moving(), [0, []]);
    await page.locator(".graph .node").first().hover();
    assert.deepEqual(await moving(), [0, []]);
  });
});
