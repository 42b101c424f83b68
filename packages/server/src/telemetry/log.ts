/** Fields of one log line. Values are redacted by key before they are written; never put a token in a message. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * What the engine needs of a logger; pino fits, and so does any object with these five members. Every line has an
 * `action` word such as `ws.connect`. Levels: error = authentication and message failures; warn = unknown
 * messages, unexpected conditions; info = connections and room activity; debug = heartbeats and single updates.
 */
export interface Logger {
  debug(fields: LogFields, message?: string): void;
  info(fields: LogFields, message?: string): void;
  warn(fields: LogFields, message?: string): void;
  error(fields: LogFields, message?: string): void;
  child(fields: LogFields): Logger;
}

/** A logger that says nothing: the default in tests. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
