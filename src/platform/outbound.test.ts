import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test } from "vitest";
import { createOutbound } from "./outbound.ts";

const server = createServer((request, response) => {
  if (request.url === "/elsewhere") response.writeHead(302, { location: "/large" }).end();
  if (request.url === "/large") response.end("x".repeat(5000));
  if (request.url === "/drip") response.write("x");
  if (request.url === "/none") response.writeHead(204).end();
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

test("[PAYMENTS15] an answer that is too large, too slow or leads elsewhere is a failure", async () => {
  const small = createOutbound({ bytesMax: 4999, timeoutMs: 200 });
  await expect(small(`${url}/large`)).rejects.toThrow("more than 4999 bytes");
  await expect(small(`${url}/drip`)).rejects.toThrow(/timeout|aborted/i);
  await expect(small(`${url}/silent`)).rejects.toThrow(/timeout|aborted/i);
  const large = createOutbound({ bytesMax: 5000 });
  await expect(large(`${url}/elsewhere`)).rejects.toThrow();
  expect(await (await large(`${url}/large`)).text()).toHaveLength(5000);
  expect((await large(`${url}/none`)).status).toBe(204);
});
