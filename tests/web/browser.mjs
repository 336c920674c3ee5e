// The browser: Debian's Chromium, without a window.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { ORIGIN, PAGE } from "./machine.mjs";

/** The windows that the page is looked at in, in CSS pixels. */
export const SIZES = {
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
  desk: { width: 1440, height: 900 },
};

const executablePath = execFileSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).trim();

/** Starts a browser that is told `args`. Whoever starts it closes it. */
export const launch = (args = []) => chromium.launch({ executablePath, args });

const browser = await launch();
after(() => browser.close());

/** What a browser has to say of a page: errors, and each request that leaves `origin` or fails. */
function listen(page, origin) {
  const told = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) told.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => told.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) told.push(`asks elsewhere: ${request.url()}`);
  });
  return told;
}

/**
 * Opens the page in a window of its own and hands it to `look`, with what the browser has told so far; it must tell
 * nothing, unless `look` takes it out of that list.
 *
 * @param {object} how size: one of SIZES; scheme: "light" or "dark"; scripts: whether they run; still: whether the
 *   person wants no movement; held: whether its script is told the same each time, so that the page is not made anew; at: which page, else that of the machine; scale: pixels of the screen for each of CSS
 */
export async function visit(how, look) {
  const { size = "desk", scheme = "light", scripts = true, still = false, held = false, at = PAGE, scale = 1 } = how;
  const context = await browser.newContext({
    viewport: SIZES[size],
    deviceScaleFactor: scale,
    colorScheme: scheme,
    reducedMotion: still ? "reduce" : "no-preference",
    javaScriptEnabled: scripts,
  });
  try {
    const page = await context.newPage();
    const told = listen(page, new URL(at).origin);
    if (held) {
      let kept;
      await page.route(`${PAGE}api`, async (route) => {
        kept ??= await route.fetch();
        await route.fulfill({ response: kept });
      });
    }
    if (at === PAGE) {
      const answer = await page.goto(PAGE);
      assert.equal(answer.status(), 200);
    }
    const result = await look(page, told, context);
    await page.unrouteAll({ behavior: "ignoreErrors" });
    assert.deepEqual(told, [], "what the browser tells of the page");
    return result;
  } finally {
    await context.close();
  }
}

/** True once `holds` is, which is asked until then; a deadline is a safety net. */
export async function until(holds, what, limit = 20_000) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await holds();
    if (value) return value;
    assert(Date.now() < end, `${what}: not within ${limit} ms`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

export { ORIGIN };
