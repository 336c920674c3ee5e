// The machine: where its page is, and what its prompt answers.
import assert from "node:assert/strict";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";

const said = (name) => {
  const value = process.env[name];
  assert(value, `${name} is not said; \`NEXUS_WEB=1 cargo nexus ci --only web\` boots a machine and says it`);
  return value;
};

/** Where its page is: `http://127.0.0.1:PORT/`. */
export const PAGE = said("NEXUS_PAGE");
/** The same without the slash: its origin. */
export const ORIGIN = new URL(PAGE).origin;
/** The port of this machine that leads there. */
export const PORT = new URL(PAGE).port;

const prompt = createConnection(said("NEXUS_PROMPT"));
const answers = createInterface({ input: prompt })[Symbol.asyncIterator]();
// Nobody waits for the prompt when all tests are done.
prompt.unref();

/** Types `line` at the prompt; the lines that it prints. */
export async function ask(line) {
  prompt.write(`${line}\n`);
  const { value, done } = await answers.next();
  assert(!done, `the prompt is gone at \`${line}\``);
  return JSON.parse(value);
}

/**
 * Types `line` at the prompt; the rows of the first table that it prints, each an object with a text for each heading.
 * Columns stand at least two spaces apart, and nothing within one does; no cell may be empty.
 */
export async function table(line) {
  const lines = await ask(line);
  const first = lines.findIndex((text) => /^ *[A-Z]+( |$)/.test(text) && text === text.toUpperCase());
  assert(first >= 0, `\`${line}\` prints no table:\n${lines.join("\n")}`);
  const cells = (text) => text.trim().split(/\s{2,}/);
  const headings = cells(lines[first]);
  const rows = [];
  for (const text of lines.slice(first + 1)) {
    if (text.trim() === "") break;
    const row = cells(text);
    assert.equal(row.length, headings.length, `\`${line}\`: ${text}`);
    rows.push(Object.fromEntries(headings.map((heading, index) => [heading, row[index]])));
  }
  assert(rows.length > 0, `\`${line}\` prints an empty table`);
  return rows;
}

/** When the page's snapshot was made. */
const made = async () => (await (await fetch(`${PAGE}api`)).json()).uptime_ms;

/** Waits until the page shows what was so after this was called: it looks at the machine once a second at most. */
export async function newer() {
  const before = await made();
  while ((await made()) === before) await new Promise((done) => setTimeout(done, 100));
}
