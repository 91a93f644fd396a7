// Opens every page of a report in Chromium and looks for what a reader would
// stumble over: console errors, requests to other hosts, pages wider than the
// window, contrast and labels (axe-core), tables that do not sort or filter.
//
// Each step has a limit (STEP_SECONDS, 90 by default): a browser that hangs ends
// the check with a line that says where.
//
//   node check.mjs SITE CHROMIUM [SHOTS]
import { createRequire } from "node:module";
import { readdirSync, readFileSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [site, chromium, shots] = process.argv.slice(2).map((path) => resolve(path));
const pages = readdirSync(site).filter((name) => name.endsWith(".html")).sort();
const faults = [];
const fault = (page, what) => {
  faults.push(what);
  console.log(`fault  ${page}: ${what}`);
};

function weight(dir) {
  return readdirSync(dir, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(dir, entry.name);
    return sum + (entry.isDirectory() ? weight(path) : statSync(path).size);
  }, 0);
}

// What is being done, and since when.
const limit = 1000 * (Number(process.env.STEP_SECONDS) || 90);
let [doing, since] = ["", Date.now()];
function step(what) {
  [doing, since] = [what, Date.now()];
}
let browser;
function giveUp(why) {
  console.log(`gave up  ${doing}: ${why}`);
  browser?.process()?.kill("SIGKILL");
  process.exit(1);
}
setInterval(() => {
  if (Date.now() - since > limit) giveUp(`not through after ${limit / 1000} s`);
}, 500).unref();
process.on("unhandledRejection", (error) => giveUp(error.message));
process.on("uncaughtException", (error) => giveUp(error.message));

step("starting the browser");
browser = await puppeteer.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  timeout: limit,
  protocolTimeout: limit,
});

async function open(name, { width, scheme }) {
  step(`${name}, ${width} px, ${scheme}: opening`);
  const page = await browser.newPage();
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) fault(name, `console: ${message.text()}`);
  });
  page.on("pageerror", (error) => fault(name, `script: ${error.message}`));
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url())) fault(name, `asks ${request.url()}`);
  });
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  const begun = Date.now();
  await page.goto(pathToFileURL(join(site, name)).href, { waitUntil: "load", timeout: limit });
  return [page, Date.now() - begun];
}

async function accessible(name, page, how) {
  step(`${name}, ${how}: axe-core`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, {
    preload: false, // it would ask for the style sheet again, which files may not
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
  }));
  for (const { id, nodes, help } of found.violations) {
    fault(name, `axe, ${how}: ${id}: ${help} (${nodes.length}): ${nodes[0].target.join(" ")}`);
  }
}

// What axe says is the same for pages of one kind; one of each is enough.
const kind = (name) => name.replace(/^(backend|speed)-.*/, "$1-");
const seen = new Set();
let slowest = [0, ""];
for (const name of pages) {
  const first = !seen.has(kind(name));
  seen.add(kind(name));
  for (const [width, scheme] of [[1600, "light"], [400, "light"], [1600, "dark"], [400, "dark"]]) {
    if (!first && scheme === "dark") continue;
    const [page, took] = await open(name, { width, scheme });
    if (took > slowest[0]) slowest = [took, name];
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) fault(name, `is ${wide} px wide in a window of ${width} px`);
    if (first) {
      await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
      await accessible(name, page, `${width} px, ${scheme}`);
      await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = false; }));
      if (shots) {
        step(`${name}, ${width} px, ${scheme}: screenshot`);
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: join(shots, `${name}-${width}-${scheme}.png`), fullPage: width > 1000 });
      }
    }
    await page.close();
  }
}

// Filter and sort, by keyboard alone, and the choice of dark.
const [page] = await open("index.html", { width: 1600, scheme: "light" });
step("index.html: filter and sort by keyboard");
const rows = () => page.evaluate(() =>
  [...document.querySelectorAll("table.matrix tbody tr")].filter((row) => !row.hidden)
    .map((row) => row.cells[0].textContent));
const all = await rows();
if (all.length > 5) {
  const word = all[all.length - 1];
  await page.keyboard.press("/");
  await page.keyboard.type(word);
  const left = await rows();
  if (!(left.length >= 1 && left.length < all.length && left.every((name) => name.includes(word)))) {
    fault("index.html", `the filter '${word}' left ${left.length} of ${all.length} rows`);
  }
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.press("Backspace");
  if ((await rows()).length !== all.length) fault("index.html", "an empty filter does not show all rows");
}
await page.focus("table.matrix thead th button");
await page.keyboard.press("Enter");
const up = await rows();
await page.keyboard.press("Enter");
const down = await rows();
const sorted = [...all].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
if (up.join() !== sorted.join()) fault("index.html", "a click on a heading does not sort by it");
if (down.join() !== [...up].reverse().join()) fault("index.html", "a second click does not turn the order round");
const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const light = await back();
await page.focus("button.theme");
await page.keyboard.press("Enter");
if ((await back()) === light) fault("index.html", "the choice of dark changes nothing");
await page.close();

// Without script everything is there to be read.
step("index.html without script");
const plain = await browser.newPage();
await plain.setJavaScriptEnabled(false);
await plain.goto(pathToFileURL(join(site, "index.html")).href);
const text = await plain.$eval("main", (main) => main.innerText);
for (const name of all) if (!text.includes(name)) fault("index.html", `without script ${name} is missing`);
step("closing the browser");
await browser.close();
step("weighing the site");

if (slowest[0] > 1000) console.log(`slow   ${slowest[1]}: loaded in ${slowest[0]} ms; the limit is 1000 ms on a machine with nothing else to do`);
const bytes = weight(site);
if (bytes > 5_000_000) fault("the site", `weighs ${bytes} bytes, more than 5 MB`);
console.log(`${pages.length} pages, ${Math.ceil(bytes / 1024)} KiB, slowest ${slowest[1]} in ${slowest[0]} ms: ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
