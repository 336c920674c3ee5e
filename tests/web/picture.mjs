// docs/page.png: the page beside the prompt, as they were when NEXUS_UPDATE=1 asked for it.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { until, visit } from "./browser.mjs";
import { ask } from "./machine.mjs";
import { smaller } from "./png.mjs";

const FILE = new URL("../../docs/page.png", import.meta.url);
/** Bytes that it may have: it lies in the tree. */
const MOST = 300 * 1024;
/** What is typed in it. */
const TYPED = ["owners", "why nsh uart0", "try nsh uart0", "ledger 3", "ps"];
/** The size of each half, in CSS pixels, and of the whole. */
const HALF = { page: 960, prompt: 700, height: 1070 };

/** Text as HTML. */
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

/** A line of a session, in the colours of docs/prompt.svg. */
function coloured(line) {
  const prompt = /^nexus>/.exec(line)?.[0];
  if (prompt) return `<b>${escaped(prompt)}</b><i>${escaped(line.slice(prompt.length))}</i>`;
  const heading = /^[A-Z ]+$/.test(line);
  const kind = heading ? "heading" : /^(denied|refused)/.test(line) ? "no" : /^Chain whole/.test(line) ? "yes" : "";
  return `<span class="${kind}">${escaped(line)}</span>`;
}

/** Both halves as one document. */
const document = (session, page) => `<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; display: flex; gap: 20px; padding: 20px; background: #dfe5ec; width: max-content; }
  figure { margin: 0; border-radius: 10px; overflow: hidden; height: ${HALF.height}px; }
  pre { margin: 0; box-sizing: border-box; width: ${HALF.prompt}px; height: 100%; padding: 20px; background: #10151c;
    color: #c9d4e0; font: 14px/18px "DejaVu Sans Mono", monospace; }
  b { color: #6cc7a1; font-weight: 400; } i { color: #fff; font-style: normal; }
  .heading { color: #7f93a8; } .no { color: #e69a80; } .yes { color: #6cc7a1; }
  img { display: block; width: ${HALF.page}px; }
</style><figure><pre>${session.map(coloured).join("\n")}</pre></figure>
<figure><img src="data:image/png;base64,${page.toString("base64")}"></figure>`;

async function drawn() {
  const session = [];
  for (const line of TYPED) session.push(`nexus> ${line}`, ...(await ask(line)));
  session.push("nexus>");
  return visit({}, async (page, _, context) => {
    await page.setViewportSize({ width: HALF.page, height: HALF.height });
    // What was typed is on it, and nothing is missing that took the machine longer.
    await until(async () => (await page.locator("#denials tbody tr").count()) > 0, "the refusal on the page");
    await until(() => page.locator("#behind").isHidden(), "all of the page");
    const shot = await page.screenshot();
    const both = await context.newPage();
    await both.setViewportSize({ width: HALF.page + HALF.prompt + 60, height: HALF.height + 40 });
    await both.setContent(document(session, shot));
    const fits = await both.locator("pre").evaluate((one) => one.scrollHeight <= one.clientHeight && one.scrollWidth <= one.clientWidth);
    assert(fits, "the session is larger than its half");
    await both.locator("img").evaluate((one) => one.decode());
    return smaller(both, await both.screenshot());
  });
}

test("the picture of README is of the page beside the prompt, and small", async () => {
  if (process.env.NEXUS_UPDATE) await writeFile(FILE, await drawn());
  const bytes = await readFile(FILE);
  assert.equal(bytes.subarray(1, 4).toString(), "PNG");
  assert(bytes.length <= MOST, `${bytes.length} bytes`);
  // A width of the picture of both, and not of one (PNG 1.2, 11.2.2: the width stands at byte 16).
  assert.equal(bytes.readUInt32BE(16), HALF.page + HALF.prompt + 60);
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  assert.match(readme, /^[^!]*!\[[^\]]*\]\(docs\/page\.png\)/, "README's first picture");
});
