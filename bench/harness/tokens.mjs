// Who connects to Plexline: users with a token each, signed with a secret of this run, and one service.
import { createHmac, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratch } from "./scratch.mjs";

/** Connections beyond this many share users, who may have several. */
const USERS = 10_000;
const LIFE_SECONDS = 12 * 3_600;

const secret = randomBytes(48).toString("base64url");
export const serviceToken = randomBytes(36).toString("base64url");
export const tokenEnvironment = { BENCH_SECRET: secret, BENCH_SERVICE_TOKEN: serviceToken };

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(claims) {
  const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

/** Tokens of the first `count` users. */
export function userTokens(count) {
  const exp = Math.floor(Date.now() / 1_000) + LIFE_SECONDS;
  return Array.from({ length: count }, (_, index) => sign({ sub: `user-${index}`, exp }));
}

/** Writes a token of each user into a file, a line each. */
export function writeUserTokens() {
  const lines = userTokens(USERS);
  const file = join(scratch, "tokens.txt");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}
