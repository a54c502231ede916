import type { Config, SettingName } from "./config.ts";

/** A provider has all of its settings or none. */
export function incompletePayments(config: Config): string[] {
  const groups: readonly (readonly SettingName[])[] = [
    ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS"],
    ["APPLE_BUNDLE_ID", "APPLE_ROOTS_FILE"],
    ["APPLE_API_ISSUER_ID", "APPLE_API_KEY_ID", "APPLE_API_KEY_FILE"],
    ["GOOGLE_PACKAGE", "GOOGLE_SERVICE_ACCOUNT_FILE", "GOOGLE_PUSH_AUDIENCE", "GOOGLE_PUSH_EMAIL"],
  ];
  const isSet = (name: SettingName) => String(config[name] ?? "") !== "";
  const problems = groups
    .filter((names) => names.some(isSet) && !names.every(isSet))
    .map((names) => `${names.join(", ")} belong together: set all or none.`);
  if (config.NODE_ENV === "production" && config.APPLE_BUNDLE_ID !== null && config.APPLE_APP_ID === 0)
    problems.push("APPLE_APP_ID is required in production with APPLE_BUNDLE_ID.");
  return problems;
}
