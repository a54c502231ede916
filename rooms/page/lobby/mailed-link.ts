/** What a link in a mail asks the page to do. */
export interface MailedLink {
  readonly purpose: "password-reset" | "registration";
  readonly token: string;
}

/** The link that opened this page, once: it is taken out of the address, so that no bookmark or screenshot keeps it. */
export function takeMailedLink(): MailedLink | null {
  const [, purpose, token] = /^#(password-reset|registration)=([\w-]{43})$/.exec(location.hash) ?? [];
  if (token === undefined) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return { purpose: purpose === "registration" ? "registration" : "password-reset", token };
}
