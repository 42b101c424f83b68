import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CLOSE_CODE_OF_ERROR, CLOSE_CODES } from "./close-code.ts";
import { PlexlineError } from "./error.ts";
import type { ErrorCode } from "./error-code.ts";
import { ERROR_CODES } from "./error-table.ts";
import { CLIENT_MESSAGE_TYPES, SERVER_MESSAGE_TYPES } from "./parse.ts";

const text = readFileSync(new URL("../../../PROTOCOL.md", import.meta.url), "utf8");
/** Without the texts of errors, which speak to users and name no rules and codes. */
const prose = text.replaceAll(/^\| <a id=.*$/gm, "");

/** The text of a section of the second level, by its number. */
function section(number: number): string {
  const [, body] = text.split(new RegExp(`^## ${number}\\. .*$`, "m"));
  if (body === undefined) throw new Error(`PROTOCOL.md has no section ${number}.`);
  return body.split(/^## /m)[0]!;
}

/** The cells of the rows of a section's table, without its head. */
function rows(number: number): string[][] {
  const lines = section(number).split("\n");
  const table = lines.filter((line) => line.startsWith("|"));
  return table.slice(2).map((line) => line.slice(2, -2).split(" | "));
}

describe("PROTOCOL.md", () => {
  test("describes exactly the messages of each direction, each once", () => {
    const described = [...section(4).matchAll(/^### `(.+)`\n\n(C → S|S → C|Both directions)\. .+/gm)];
    const headings = [...section(4).matchAll(/^### /gm)];
    expect(described).toHaveLength(headings.length);
    const typesOf = (direction: string) =>
      described
        .filter(([, , told]) => told === direction || told === "Both directions")
        .map(([, type]) => type!);
    expect(typesOf("C → S").sort()).toEqual([...CLIENT_MESSAGE_TYPES].sort());
    expect(typesOf("S → C").sort()).toEqual([...SERVER_MESSAGE_TYPES].sort());
  });

  test("gives the shape of every message under its heading", () => {
    for (const part of section(4).split(/^### /m).slice(1)) {
      const type = /^`(.+)`/.exec(part)?.[1];
      expect(part).toMatch(new RegExp(`\`\`\`ts\\n[^\`]*type: "${type}"`));
    }
  });

  test("lists exactly the error codes of the table, with advice, close code, message and fix", () => {
    const listed = rows(9).map(([code, ...cells]) => [code!.replace(/^<a id="[a-z_]+"><\/a>/, ""), ...cells]);
    const expected = Object.entries(ERROR_CODES).map(([code, { retry, message, fix }]) => [
      `\`${code}\``,
      retry,
      String(CLOSE_CODE_OF_ERROR[code as ErrorCode] ?? "–"),
      message,
      fix,
    ]);
    expect(listed).toEqual(expected);
  });

  test("has the place that each error points to", () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      const [, anchor] = new PlexlineError(code).docs.split("#");
      expect(text).toContain(`<a id="${anchor}"></a>\`${code}\``);
    }
  });

  test("lists exactly the close codes of the table, with advice and meaning", () => {
    const expected = Object.entries(CLOSE_CODES).map(([code, { advice, meaning }]) => [
      code,
      advice,
      meaning,
    ]);
    expect(rows(10)).toEqual(expected);
  });

  test("names no error code that does not exist", () => {
    const words = [...prose.matchAll(/\b[A-Z]{3,}(?:_[A-Z]+)+\b/g)].map(([word]) => word);
    expect(words.filter((word) => !Object.hasOwn(ERROR_CODES, word))).toEqual([]);
    expect(words.length).toBeGreaterThan(30);
  });

  test("gives every rule an id of its own and leaves no number out", () => {
    const ids = [...text.matchAll(/^- \*\*([A-Z])(\d+)\.\*\*/gm)].map(([, letter, number]) => ({
      letter: letter!,
      number: Number(number),
    }));
    expect(new Set(ids.map(({ letter }) => letter))).toEqual(new Set("ABCDFGHKLNPRSTWX"));
    for (const letter of new Set(ids.map((id) => id.letter))) {
      const numbers = ids.filter((id) => id.letter === letter).map((id) => id.number);
      expect([letter, ...numbers.sort((a, b) => a - b)]).toEqual([
        letter,
        ...numbers.map((_, index) => index + 1),
      ]);
    }
  });

  test("refers only to rules that exist", () => {
    const defined = new Set([...text.matchAll(/^- \*\*([A-Z]\d+)\.\*\*/gm)].map(([, id]) => id!));
    const referred = [...prose.matchAll(/\b[A-Z]\d{1,2}\b/g)].map(([id]) => id);
    expect(referred.filter((id) => !defined.has(id))).toEqual([]);
    expect(referred.length).toBeGreaterThan(defined.size);
  });
});
