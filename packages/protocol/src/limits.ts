/** Wire limits that both sides know; the server's own defaults are in its options file. */

/** Largest topic, in UTF-8 bytes. Keeps storage keys and log lines short. */
export const TOPIC_BYTES_MAX = 255;
/** Largest idempotency key, in characters. A UUID has 36. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 64;
/** Largest event or command name, in characters. */
export const NAME_LENGTH_MAX = 64;
/** Largest token, in bytes; larger ones are refused unread. */
export const TOKEN_BYTES_MAX = 8 * 1024;
/** Close reasons are at most this many UTF-8 bytes (RFC 6455 §5.5). */
export const CLOSE_REASON_BYTES_MAX = 123;
/** Deepest JSON nesting accepted by default. */
export const JSON_DEPTH_MAX = 32;
/** Most tokens of a pattern. */
export const PATTERN_TOKENS_MAX = 16;
/** Largest alias and kind of a binary message. */
export const BINARY_NUMBER_MAX = 2 ** 31 - 1;
/** Longest name of a client library in `hello`, in characters. */
export const CLIENT_NAME_LENGTH_MAX = 128;
/** Longest resume token, in characters. */
export const RESUME_TOKEN_LENGTH_MAX = 256;
