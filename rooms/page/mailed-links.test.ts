import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { startTestApp } from "../../src/testing/app.ts";
import { openBrowser } from "../../src/testing/browser.ts";
import { startTestSmtp } from "../../src/testing/smtp.ts";
import { rooms } from "../index.ts";
import { createPages } from "./serve.ts";

const smtp = await startTestSmtp();
const pages = await createPages({ mode: "built" });
const app = await startTestApp({
  rooms,
  pages: pages.serve,
  settings: { SMTP_URL: smtp.url, MAIL_FROM: "no-reply@game.test", REGISTRATION: "confirmed" },
});
const browser = await openBrowser();
const PASSWORD = "correct horse battery";
const OTHER = "another horse battery";

/** A browser that was never here, as on another device. */
async function openTab(fragment = ""): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 640, height: 400 } });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  // What draws is most of the work, and nothing of it is asked for here.
  await page.route(/\/picture-/, (route) => route.abort());
  await page.goto(`${app.url}/${fragment}`);
  return page;
}

async function mailedFragment(email: string): Promise<string> {
  const { text } = await smtp.mailTo(email);
  return /#[a-z-]+=[\w-]{43}/.exec(text)?.[0] ?? "";
}

const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();

test("[PAGE7] an address is confirmed, and a forgotten password replaced, by the links in two mails", async () => {
  const email = "ada@example.org";
  const desk = await openTab();
  await press(desk, "Save my progress");
  await desk.getByLabel("E-mail").fill(email);
  await desk.getByLabel("Password").fill(PASSWORD);
  await press(desk, "Create account");
  await desk.getByText("follow the link in the mail").waitFor();

  const phone = await openTab(await mailedFragment(email));
  await phone.getByRole("heading", { name: "Confirm your address" }).waitFor();
  expect(phone.url()).toBe(`${app.url}/`);
  await phone.getByLabel("Password").fill(PASSWORD);
  await press(phone, "Confirm");
  await press(phone, "Sign out");

  await press(phone, "Sign in");
  await press(phone, "I forgot my password");
  await phone.getByLabel("E-mail").fill(email);
  await press(phone, "Send the link");
  await phone.getByText("a mail with a link is on its way").waitFor();

  const tablet = await openTab(await mailedFragment(email));
  await tablet.getByLabel("Password").fill(OTHER);
  await press(tablet, "Set password");
  await tablet.getByText("The new password is set").waitFor();
  await tablet.getByLabel("E-mail").fill(email);
  await tablet.getByLabel("Password").fill(OTHER);
  await tablet.locator("form").getByRole("button", { name: "Sign in", exact: true }).click();
  await tablet.getByRole("button", { name: "Sign out" }).waitFor();
}, 60_000);
