import type { Letter } from "../../platform/mail.ts";
import { LINK_TTL_MS } from "./links.ts";

/** The mails of this service. Nothing in them was typed by whoever caused them, or they would carry that to strangers. */

const MINUTES = LINK_TTL_MS / 60_000;
const OTHERWISE = "If you did not ask for this, do nothing: nothing has changed.";

export function passwordResetLetter(to: string, url: string): Letter {
  const text = `Choose a new password with this link. It works once, for ${MINUTES} minutes:\n\n${url}\n\n${OTHERWISE}\n`;
  return { to, subject: "Choose a new password", text };
}

export function registrationLetter(to: string, url: string): Letter {
  const text = `Confirm your address with this link and the password you chose. It works once, for ${MINUTES} minutes:\n\n${url}\n\n${OTHERWISE}\n`;
  return { to, subject: "Confirm your e-mail address", text };
}

/** Only the owner of the mailbox learns that there is an account already. */
export function alreadyRegisteredLetter(to: string, url: string): Letter {
  const text = `Somebody asked for an account with this address, which has one already. Sign in to it, or ask for a new password there:\n\n${url}\n\n${OTHERWISE}\n`;
  return { to, subject: "You already have an account", text };
}
