// Attack 106 in a browser: a page of somebody else, open in the same browser, reaches for the machine.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { ORIGIN, PAGE, PORT } from "./machine.mjs";

/** A name that the person's resolver is made to say leads to this machine. */
const NAME = "page.example";

/** Somebody else's web server, on another port of this machine. */
const server = createServer((_, answer) => {
  answer.setHeader("Content-Type", "text/html; charset=utf-8");
  answer.end("<!doctype html><title>Somebody else</title><body>");
});
let browser;
let elsewhere;

before(async () => {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  elsewhere = `http://127.0.0.1:${server.address().port}/`;
  browser = await launch([`--host-resolver-rules=MAP ${NAME} 127.0.0.1`]);
});
after(async () => {
  await browser.close();
  await new Promise((done) => server.close(done));
});

/** Opens a page of somebody else, and hands it to `look`. */
async function stranger(look, at = elsewhere) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(at);
    return await look(page, context);
  } finally {
    await context.close();
  }
}

const PATHS = ["", "api", "metrics", "alive"];

// attack 106 Q: a page of another origin asks for ours in every mode that a browser has; it reads nothing of it
test("a page of another origin reads nothing of ours", async () => {
  await stranger(async (page) => {
    // It can ask its own server: what fails below does not fail for want of a way.
    assert.equal(await page.evaluate(async () => (await fetch("/")).status), 200);
    const read = await page.evaluate(async ([all, alike]) => {
      const found = [];
      const asked = async (name, url, options) => {
        try {
          const answer = await fetch(url, options);
          found.push(`${name} ${url}: ${answer.type} ${(await answer.text()).length}`);
        } catch (error) {
          if (error.name !== "TypeError") found.push(`${name} ${url}: ${error}`);
        }
      };
      for (const url of [...all, ...alike]) {
        await asked("cors", url, { mode: "cors" });
        await asked("with cookies", url, { mode: "cors", credentials: "include" });
        // An opaque answer would say at least that the machine is there.
        await asked("no-cors", url, { mode: "no-cors" });
        await asked("a method of its own", url, { method: "DELETE", headers: { "X-Own": "1" } });
      }
      return found;
    }, [PATHS.map((path) => PAGE + path), PATHS.map((path) => `http://localhost:${new URL(PAGE).port}/${path}`)]);
    assert.deepEqual(read, []);
  });
});

// attack 106 Q: a page of another origin loads ours as a script, a style, a picture, a sound, a font and a worker; none of them loads
test("a page of another origin loads nothing of ours", async () => {
  await stranger(async (page) => {
    const loaded = await page.evaluate(async (all) => {
      const made = (tag, set) => new Promise((done) => {
        const one = document.createElement(tag);
        one.onload = () => done(`${tag}: loaded`);
        one.onerror = () => done("");
        set(one);
        document.body.append(one);
      });
      const found = [];
      for (const url of all) {
        found.push(await made("script", (one) => { one.src = url; }));
        found.push(await made("link", (one) => { one.rel = "stylesheet"; one.href = url; }));
        found.push(await made("img", (one) => { one.src = url; }));
        found.push(await new FontFace("own", `url(${url})`).load().then(() => "font: loaded", () => ""));
      }
      return found.filter((one) => one !== "");
    }, PATHS.map((path) => PAGE + path));
    assert.deepEqual(loaded, []);
  });
});

// attack 106 Q: a page of another origin shows ours in a frame, an object or an embed; the browser shows nothing of it
test("a page of another origin cannot frame ours", async () => {
  await stranger(async (page) => {
    for (const tag of ["iframe", "object", "embed"]) {
      const [refused] = await Promise.all([
        page.waitForEvent("console", (one) => /frame-ancestors/.test(one.text())),
        page.evaluate(([name, url]) => {
          const one = document.createElement(name);
          one[name === "object" ? "data" : "src"] = url;
          document.body.append(one);
        }, [tag, PAGE]),
      ]);
      assert.match(refused.text(), /frame-ancestors 'none'/);
    }
    const framed = page.frames().filter((frame) => frame !== page.mainFrame());
    for (const frame of framed) {
      const text = await frame.evaluate(() => document.body?.innerText ?? "").catch(() => "");
      assert(!/ledger|uart0|Devices/i.test(text), text);
    }
  });
});

// attack 106 Q: a form of another origin posts into our page; it is answered 405, and nothing comes of it
test("a form of another origin writes nothing into ours", async () => {
  await stranger(async (page) => {
    const [answer] = await Promise.all([
      page.waitForResponse((one) => one.url() === PAGE),
      page.evaluate((url) => {
        const form = document.createElement("form");
        [form.method, form.action] = ["post", url];
        document.body.append(form);
        form.submit();
      }, PAGE),
    ]);
    assert.equal(answer.request().method(), "POST");
    assert.equal(answer.status(), 405);
  });
});

// attack 106 Q: a name of somebody else is made to lead to ours, and its page asks there (DNS rebinding); each answer is 421, and has nothing of the machine
test("under a foreign name there is nothing of ours", async () => {
  await stranger(async (page) => {
    const [first, ...answers] = await page.evaluate(async (paths) => {
      const all = paths.map(async (path) => {
        const answer = await fetch(`/${path}`);
        return [answer.status, await answer.text()];
      });
      return [[document.body.innerText, location.hostname], ...(await Promise.all(all))];
    }, PATHS);
    assert.match(first[0], /not served under that name/);
    assert.equal(first[1], NAME);
    assert.equal(answers.length, PATHS.length);
    for (const [status, text] of answers) {
      assert.equal(status, 421);
      assert(text.length < 200 && !/uart0|ledger|nexus_/.test(text), text);
    }
  }, `http://${NAME}:${PORT}/`);
  // By its own names it is there, in the same browser.
  for (const origin of [ORIGIN, `http://localhost:${PORT}`]) {
    assert.equal(await stranger((page) => page.title(), `${origin}/`), "Nexus: who owns what");
  }
});
