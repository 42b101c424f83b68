import { signToken } from "./sign.ts";

/** What `plexline dev` prints when it listens: where to look, and lines to copy. */
export function printBanner({ url, secret, asJson }: { url: string; secret: string; asJson: boolean }): void {
  if (asJson) {
    process.stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
    return;
  }
  const token = signToken(
    { sub: "ada", name: "Ada", exp: Math.floor(Date.now() / 1000) + 24 * 3_600 },
    secret,
  );
  const socket = `${url.replace(/^http/, "ws")}/ws`;
  process.stdout.write(
    [
      "",
      `  Plexline   ${url}/playground`,
      "",
      "  A token for Ada, good for a day:",
      `  ${token}`,
      "",
      "  Talk to it by hand:",
      `  npx wscat -c ${socket} -s plexline.v1 -x '{"type":"hello","token":"${token}"}' -w 60`,
      `  curl ${url}/api/health`,
      "",
      "",
    ].join("\n"),
  );
}
