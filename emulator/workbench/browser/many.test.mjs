// Ten thousand frames and more. How smooth the page is then, trace.mjs measures.

import assert from "node:assert/strict";
import { bench } from "./bench.mjs";

bench("10,000 frames, and more than are kept", { args: ["-frames", "2000"] }, async (window) => {
  const number = (selector) => window.page.locator(selector).textContent().then((text) => Number(/[\d,]+/.exec(text)?.[0].replaceAll(",", "") ?? 0));
  await window.page.waitForFunction(() => Number(document.querySelector("#count").textContent.replace(/\D/g, "")) >= 10_000);
  assert.ok((await window.page.locator("#timeline [role=option]").count()) < 80, "only the rows in view are in the document");

  // What somebody looks at stays where it is while more comes, also when the oldest are dropped.
  const box = window.page.locator("#timeline");
  await box.hover();
  await window.page.mouse.wheel(0, -3_000);
  await window.page.getByRole("button", { name: "To the newest" }).waitFor();
  await window.page.waitForFunction(() => !document.querySelector("#dropped").hidden);
  await window.screenshot("workbench-10000");
  const first = () => window.page.evaluate(() => {
    const { top } = document.querySelector("#timeline").getBoundingClientRect();
    const rows = [...document.querySelectorAll("#timeline [role=option]")].map((row) => [row.getBoundingClientRect().top - top, row.querySelector(".text").textContent]);
    return rows.sort(([a], [b]) => a - b).find(([at]) => at >= 0)[1];
  });
  const before = await first();
  const dropped = await number("#dropped");
  await window.page.waitForFunction((n) => Number(document.querySelector("#dropped").textContent.replace(/\D/g, "")) > n + 500, dropped);
  assert.equal(await first(), before);
  assert.ok((await number("#count")) <= 20_000 + 256, "no more than the server keeps");

  await window.page.getByRole("button", { name: "To the newest" }).click();
  await window.page.waitForFunction(() => {
    const { scrollTop, scrollHeight, clientHeight } = document.querySelector("#timeline");
    return scrollHeight - scrollTop - clientHeight < 2;
  });
  await window.page.getByLabel("Search the timeline").fill("kind:sent");
  await window.page.waitForFunction(() => [...document.querySelectorAll("#timeline [role=option]")].every((row) => row.dataset.kind === "sent"));
});
