import type { Person } from "./person.ts";

const TOKEN_URL = "/playground/api/token";

export interface PlaygroundToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

/** Asks the development server for a token of this user. An application would ask its own backend. */
export async function fetchPlaygroundToken(
  person: Person,
  expiresInSeconds: number | undefined,
): Promise<PlaygroundToken> {
  const response = await fetch(TOKEN_URL, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      user: person.user,
      name: person.name,
      ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
    }),
  });
  if (!response.ok) throw new Error(`${TOKEN_URL} answered ${response.status}.`);
  return parsePlaygroundToken(await response.json());
}

export function parsePlaygroundToken(value: unknown): PlaygroundToken {
  if (typeof value === "object" && value !== null && "token" in value && "expiresAtMs" in value) {
    const { token, expiresAtMs } = value;
    if (typeof token === "string" && typeof expiresAtMs === "number") return { token, expiresAtMs };
  }
  throw new Error(`${TOKEN_URL} answered without token and expiresAtMs.`);
}
