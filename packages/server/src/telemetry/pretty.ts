const RESET = "\u001b[0m";
const DIM = "\u001b[2m";
const COLORS: Readonly<Record<string, string>> = {
  debug: "\u001b[36m",
  info: "\u001b[32m",
  warn: "\u001b[33m",
  error: "\u001b[31m",
};

/**
 * Turns one JSON line into one a person reads: time, level, action, message, then the other fields. Values keep their
 * JSON escapes, so what a client sent cannot steer the terminal; only the stack of an error gets lines of its own.
 */
export function prettyLine(json: string): string {
  const { timestamp, level, action, message, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const word = String(level);
  const time = String(timestamp).slice(11, 23);
  const head = `${DIM}${time}${RESET} ${COLORS[word] ?? ""}${word.padEnd(5)}${RESET} ${escaped(String(action))}`;
  const text = message === undefined ? "" : ` ${escaped(String(message))}`;
  const shown = Object.entries(fields).map(
    ([key, value]) => `${DIM}${escaped(key)}=${RESET}${shownValue(value)}`,
  );
  return `${[head + text, ...shown].join(" ")}\n${stackOf(fields)}`;
}

function shownValue(value: unknown): string {
  if (typeof value === "string") return /^[\w.:@/-]+$/.test(value) ? value : JSON.stringify(value);
  if (!hasStack(value)) return JSON.stringify(value);
  const { stack: _stack, ...rest } = value;
  return JSON.stringify(rest);
}

function stackOf(fields: Record<string, unknown>): string {
  const failed = Object.values(fields).find(hasStack);
  if (failed === undefined) return "";
  const frames = failed.stack.split("\n").filter((line) => /^\s+at /.test(line));
  return frames.map((frame) => `${DIM}    ${escaped(frame.trim())}${RESET}\n`).join("");
}

function hasStack(value: unknown): value is { stack: string } {
  return (
    typeof value === "object" && value !== null && typeof (value as { stack?: unknown }).stack === "string"
  );
}

/** The text with JSON's escapes, without its quotes. */
function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
