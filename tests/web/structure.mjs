// What the page is for who does not see it, or has no pointer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SIZES, visit } from "./browser.mjs";

test("the page has one heading of the first level, no level left out, and a name for each part", async () => {
  await visit({}, async (page) => {
    const found = await page.evaluate(() => {
      const name = (one) => {
        const by = one.getAttribute("aria-labelledby");
        return (one.getAttribute("aria-label") ?? (by && document.getElementById(by)?.textContent) ?? "").trim();
      };
      const all = (selector) => [...document.querySelectorAll(selector)];
      return {
        language: document.documentElement.lang,
        title: document.title,
        headings: all("h1, h2, h3, h4, h5, h6").map((one) => Number(one.tagName[1])),
        landmarks: ["header", "nav", "main", "footer"].map((one) => all(`body ${one}`).length),
        parts: all("section, nav, [role=group]").filter((one) => name(one) === "").map((one) => one.outerHTML.slice(0, 60)),
        tables: all("table").filter((one) => !one.caption?.textContent.trim()).map((one) => one.outerHTML.slice(0, 60)),
        heads: all("thead th").filter((one) => one.scope !== "col").map((one) => one.textContent),
        rows: all("tbody th").filter((one) => one.scope !== "row").map((one) => one.textContent),
        meters: all("meter").filter((one) => name(one) === "").length,
        ids: all("[id]").map((one) => one.id),
      };
    });
    assert.equal(found.language, "en");
    assert.match(found.title, /Nexus/);
    assert.deepEqual(found.headings.filter((level) => level === 1), [1]);
    found.headings.forEach((level, at) => {
      assert(at === 0 ? level === 1 : level <= found.headings[at - 1] + 1, `level ${level} at heading ${at}`);
    });
    assert.deepEqual(found.landmarks, [1, 1, 1, 1]);
    assert.deepEqual(found.parts, [], "parts without a name");
    assert.deepEqual(found.tables, [], "tables without a caption");
    assert.deepEqual(found.heads, [], "heads of columns that do not say so");
    assert.deepEqual(found.rows, [], "heads of rows that do not say so");
    assert.equal(found.meters, 0, "meters without a name");
    assert.equal(new Set(found.ids).size, found.ids.length, "an id is there twice");
  });
});

test("by the Tab key everything is reached in the order of the page, seen, and marked", async () => {
  for (const size of Object.keys(SIZES)) {
    await visit({ size, held: true }, async (page) => {
      const count = await page.evaluate(() => {
        window.stops = [...document.querySelectorAll("a[href], [tabindex='0']")];
        return window.stops.length;
      });
      assert(count > 60, `${count} stops`);
      for (let at = 0; at < count; at += 1) {
        await page.keyboard.press("Tab");
        const stop = await page.evaluate((expected) => {
          const one = document.activeElement;
          const head = document.querySelector("header");
          const box = one.getBoundingClientRect();
          const top = head.contains(one) ? 0 : head.getBoundingClientRect().bottom;
          const drawn = one.querySelector("rect");
          const wide = one.matches("[tabindex]");
          return {
            at: window.stops.indexOf(one) === expected,
            name: (one.textContent || one.outerHTML).trim().slice(0, 40),
            // Something larger than the window is seen in part.
            seen: box.bottom > top && box.top < innerHeight && (wide || (box.top >= top - 1 && box.bottom <= innerHeight + 1)),
            across: box.right > 0 && box.left < innerWidth,
            marked: drawn && !wide
              ? Number.parseFloat(getComputedStyle(drawn).strokeWidth) >= 2
              : getComputedStyle(one).outlineStyle === "solid" && Number.parseFloat(getComputedStyle(one).outlineWidth) >= 2,
          };
        }, at);
        const { name, ...is } = stop;
        assert.deepEqual(is, { at: true, seen: true, across: true, marked: true }, `${size}, stop ${at}: ${name}`);
      }
    });
  }
});

test("what is to be touched on a phone is large enough for a finger", async () => {
  await visit({ size: "phone", held: true }, async (page) => {
    // WCAG 2.2, 2.5.8: 24 by 24, links within a line of text left out.
    const small = await page.evaluate(() => [...document.querySelectorAll("nav a, .graph a rect")]
      .map((one) => [one.parentElement.textContent.trim().slice(0, 20), one.getBoundingClientRect()])
      .filter(([, box]) => box.width < 24 || box.height < 24)
      .map(([name, box]) => `${name}: ${box.width} x ${box.height}`));
    assert.deepEqual(small, []);
  });
});
