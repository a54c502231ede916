import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { BODY_BYTES_MAX } from "../../schema/protocol.ts";
import { AppError } from "./errors.ts";

/** The whole body as text, of at most BODY_BYTES_MAX bytes, and only as JSON: a form of another site cannot send that. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const body = await readBytes(request, BODY_BYTES_MAX);
  if (!isUtf8(body)) throw new AppError("REQUEST_INVALID", { problems: ["the body is not UTF-8"] });
  return body.toString("utf8");
}

/** The same as bytes, for whoever has signed them. */
export async function readBytes(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) throw new AppError("REQUEST_TOO_LARGE");
  if (!hasBody(request.headers)) return Buffer.alloc(0);
  checkBodyType(request.headers);
  return collect(request, bytesMax);
}

/** By events, because an asynchronous iterator over a body of a few bytes costs more than all else that is done with it. */
function collect(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else reject(new AppError("REQUEST_TOO_LARGE"));
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
    request.on("close", () => {
      if (!request.readableEnded) reject(new AppError("REQUEST_INVALID", { problems: ["the body has no end"] }));
    });
  });
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Unpacking could make much of little, so a packed body is refused as well. */
function checkBodyType(headers: IncomingHttpHeaders): void {
  const isJson = /^application\/json *(;|$)/i.test(headers["content-type"] ?? "");
  const isPacked = !/^(identity)?$/i.test(headers["content-encoding"] ?? "");
  if (!isJson || isPacked) throw new AppError("REQUEST_UNSUPPORTED");
}
