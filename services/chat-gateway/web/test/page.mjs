// Drives the page of a running gateway in a real browser, and saves what it
// looked like.
//
//   node page.mjs [http://127.0.0.1:8002] [folder for screenshots]
//
// CHROMIUM names the browser (default /usr/bin/chromium). Without a reminder
// pipeline behind the gateway, REMINDERS=off leaves that part out.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [base = 'http://127.0.0.1:8002', folder = 'screenshots'] = process.argv.slice(2);
const reminders = process.env.REMINDERS !== 'off';
mkdirSync(folder, { recursive: true });

let passed = 0;
let failed = 0;
async function check(name, work) {
  try {
    await work();
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error.message.split('\n')[0]}`);
  }
}
function assert(condition, text) {
  if (!condition) throw new Error(text);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: 'light' });
const page = await context.newPage();
page.setDefaultTimeout(10000);
const complaints = [];
const outside = [];
page.on('pageerror', (error) => complaints.push(error.message));
page.on('console', (message) => {
  if (message.type() === 'error' && !/status of 40\d/.test(message.text())) complaints.push(message.text());
});
page.on('request', (request) => {
  if (new URL(request.url()).host !== new URL(base).host) outside.push(request.url());
});
const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
const title = `water the plants ${Date.now().toString(36)}`;

await page.goto(base);
await check('the demo account is filled in', async () => {
  await page.locator('#demo-note').waitFor();
  assert(await page.locator('#email').inputValue() === 'demo@glasshouse.example', 'no e-mail address');
  await shot('sign-in');
});
await check('a wrong password is told', async () => {
  await page.locator('#password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('password is wrong').waitFor();
  await page.locator('#password').fill('glasshouse-demo');
});
await check('signs in by keyboard and connects', async () => {
  await page.locator('#password').press('Enter');
  await page.locator('#connection[data-state="online"]').waitFor();
});
await check('a task asked for in chat appears in chat and list', async () => {
  await page.locator('#text').fill(`add a task ${title} remind me in 1 second`);
  await page.locator('#text').press('Enter');
  await page.locator('#messages .card-line', { hasText: title }).waitFor();
  await page.locator('#tasks .task', { hasText: title }).waitFor();
});
await check('the trace of the action is shown', async () => {
  const id = await page.locator('#trace-id').textContent();
  assert(/^[0-9a-f]{32}$/.test(id), `not a trace id: ${id}`);
  await page.locator('#trace-hops li', { hasText: 'message' }).waitFor();
  await page.locator('#trace-hops li', { hasText: 'task' }).waitFor();
  console.log(`     trace ${id}`);
});
if (reminders) {
  await check('its reminder arrives, in the same trace', async () => {
    await page.locator('.toast', { hasText: title }).waitFor({ timeout: 20000 });
    await page.locator('#notices .notice', { hasText: title }).waitFor();
    await page.locator('#trace-hops li', { hasText: 'reminder' }).waitFor();
    await shot('reminder');
  });
}
await check('markup in a message stays text', async () => {
  await page.locator('#text').fill('<img src=x onerror=alert(1)> & <b>bold</b>');
  await page.locator('#text').press('Enter');
  await page.locator('#messages .text', { hasText: '<b>bold</b>' }).last().waitFor();
  assert(await page.locator('#messages img, #messages b').count() === 0, 'markup got through');
});
await check('a task is added, completed, reopened and deleted on the page', async () => {
  const second = `read the manual ${Date.now().toString(36)}`;
  await page.locator('#task-title').fill(second);
  await page.locator('#task-priority').selectOption('high');
  await page.locator('#task-title').press('Enter');
  const open = page.locator('#tasks .task', { hasText: second });
  await open.waitFor();
  await open.getByRole('checkbox').click();
  await open.waitFor({ state: 'detached' });
  await page.locator('#done summary').click();
  const done = page.locator('#done-list .task', { hasText: second });
  await done.getByRole('checkbox').click();
  await open.waitFor();
  await shot('light');
  await open.getByRole('button', { name: /Delete/ }).click();
  await open.waitFor({ state: 'detached' });
});
await check('dark', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await shot('dark');
});
await check('380 px wide, nothing overflows', async () => {
  await page.setViewportSize({ width: 380, height: 780 });
  for (const view of ['Chat', 'Tasks', 'Notices']) {
    await page.getByRole('navigation').getByRole('button', { name: view }).click();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert(width <= 380, `${view} is ${width} px wide`);
    await shot(`narrow-${view.toLowerCase()}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 1280, height: 800 });
});
await check('a reload stays signed in and shows what was said', async () => {
  await page.reload();
  await page.locator('#connection[data-state="online"]').waitFor();
  await page.locator('#messages .text', { hasText: title }).first().waitFor();
  await page.locator('#tasks .task', { hasText: title }).waitFor();
});
await check('signs out', async () => {
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.locator('#sign-in-form').waitFor();
  assert(await page.evaluate(() => localStorage.length) === 0, 'a token was left behind');
});
await check('nothing was asked of anybody else, and nothing complained', async () => {
  assert(outside.length === 0, `outside: ${outside}`);
  assert(complaints.length === 0, complaints.join(' | '));
});

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
