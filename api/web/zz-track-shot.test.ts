import { test } from "vitest";
import { storeTrackedRoute } from "../tracking/tracking-fixture.ts";
import { openBrowserBench } from "./browser-bench.ts";

test("shots", async () => {
  const bench = await openBrowserBench();
  try {
    const secret = await bench.api.key();
    const route = await storeTrackedRoute(bench.api.database);
    const made = (await bench.api.call(secret, "POST", `/v1/stops/${route.stopIds[0]}/links`, {})).json();
    const path = `/t/${made.token}`;
    const jobs: [string, object][] = [
      ["phone-light", { width: 390, height: 844, locale: "en-GB" }],
      ["desktop-dark", { width: 1280, height: 800, locale: "de", scheme: "dark" }],
    ];
    for (const [name, options] of jobs) {
      const page = await bench.open(path, options);
      await page.waitForTimeout(9000);
      await page.screenshot({ path: `/tmp/shots/${name}.png`, fullPage: name.startsWith("phone") });
      process.stdout.write(`${name} ${JSON.stringify(bench.faults.splice(0))}\n`);
      await page.context().close();
    }
  } finally {
    await bench.close();
  }
}, 120_000);
