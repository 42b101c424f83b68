import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Between a client and a server: what is to be lost of each exchange. */
export type Loss = "nothing" | "request" | "answer" | "half-answer";

/** Forwards HTTP to a server, and loses what `choose` says. `lost` counts them. */
export async function startLossyProxy(
  target: () => number,
  choose: (method: string, path: string) => Loss,
): Promise<{ readonly url: string; readonly lost: Record<Loss, number> }> {
  const lost: Record<Loss, number> = { nothing: 0, request: 0, answer: 0, "half-answer": 0 };
  const proxy = createServer((incoming, outgoing) => {
    const loss = choose(incoming.method ?? "", incoming.url ?? "");
    lost[loss] += 1;
    if (loss === "request") {
      incoming.socket.destroy();
      return;
    }
    const forwarded = request(
      {
        port: target(),
        host: "127.0.0.1",
        method: incoming.method,
        path: incoming.url,
        headers: incoming.headers,
        agent: false,
      },
      (answer) => {
        if (loss === "nothing") {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
          answer.on("error", () => outgoing.destroy());
          return;
        }
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => parts.push(part));
        answer.on("error", () => outgoing.destroy());
        // The server has done what it was asked for.
        answer.on("end", () => {
          if (loss === "half-answer") {
            outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
            const whole = Buffer.concat(parts);
            outgoing.write(whole.subarray(0, Math.floor(whole.length / 2)), () => outgoing.destroy());
          } else incoming.socket.destroy();
        });
      },
    );
    forwarded.on("error", () => outgoing.destroy());
    outgoing.on("close", () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, lost };
}
