import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import { type Config, publicUrl } from "../../platform/config.ts";
import { createOutbound, type Outbound } from "../../platform/outbound.ts";
import { createLocalProvider } from "./local.ts";
import type { Provider } from "./provider.ts";

interface ProvidersParts {
  readonly config: Config;
  readonly secret: string;
  readonly clock: Clock;
  /** The way to other people's servers. */
  readonly outbound?: Outbound;
}

const serviceAccount = z.object({ client_email: z.string().min(3).max(320), private_key: z.string().max(16_384) });

/**
 * Every way to pay that the settings name; outside production also the local one. Their libraries are large, so each is
 * loaded only where it is used.
 */
export async function createProviders({ outbound = createOutbound(), ...parts }: ProvidersParts): Promise<Provider[]> {
  const { config, secret, clock } = parts;
  const isProduction = config.NODE_ENV === "production";
  const shared = { config, clock, outbound, isProduction };
  const named = await Promise.all([stripeOf(shared), appleOf(shared), googleOf(shared)]);
  const providers = named.filter((provider) => provider !== null);
  return isProduction ? providers : [...providers, createLocalProvider({ secret, clock, isProduction })];
}

interface Shared {
  readonly config: Config;
  readonly clock: Clock;
  readonly outbound: Outbound;
  readonly isProduction: boolean;
}

async function stripeOf({ config, ...shared }: Shared): Promise<Provider | null> {
  const { STRIPE_SECRET_KEY: secretKey, STRIPE_WEBHOOK_SECRETS: webhookSecrets } = config;
  if (secretKey === null || webhookSecrets === null) return null;
  const { createStripeProvider } = await import("./stripe.ts");
  return createStripeProvider({ ...shared, secretKey, webhookSecrets, returnUrl: publicUrl(config) });
}

async function appleOf({ config, ...shared }: Shared): Promise<Provider | null> {
  const { APPLE_BUNDLE_ID: bundleId, APPLE_ROOTS_FILE: rootsFile, APPLE_APP_ID: appId } = config;
  if (bundleId === null || rootsFile === null) return null;
  const { APPLE_API_ISSUER_ID: issuerId, APPLE_API_KEY_ID: keyId, APPLE_API_KEY_FILE: keyFile } = config;
  const hasApi = issuerId !== null && keyId !== null && keyFile !== null;
  const api = hasApi ? { issuerId, keyId, key: readFileSync(keyFile, "utf8") } : null;
  const roots = certificatesOf(readFileSync(rootsFile, "utf8"));
  const { createAppleProvider } = await import("./apple.ts");
  return createAppleProvider({ ...shared, bundleId, appId: appId === 0 ? null : appId, roots, api });
}

async function googleOf({ config, ...shared }: Shared): Promise<Provider | null> {
  const { GOOGLE_PACKAGE: packageName, GOOGLE_SERVICE_ACCOUNT_FILE: accountFile } = config;
  const { GOOGLE_PUSH_AUDIENCE: audience, GOOGLE_PUSH_EMAIL: email } = config;
  if (packageName === null || accountFile === null || audience === null || email === null) return null;
  const { client_email, private_key } = serviceAccount.parse(JSON.parse(readFileSync(accountFile, "utf8")));
  const account = { email: client_email, key: private_key };
  const { createGoogleProvider } = await import("./google.ts");
  return createGoogleProvider({ ...shared, packageName, account, push: { audience, email } });
}

/** A file of certificates holds one after the other. */
function certificatesOf(pem: string): Buffer[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw new Error("APPLE_ROOTS_FILE holds no certificate");
  return found.map((certificate) => Buffer.from(certificate));
}
