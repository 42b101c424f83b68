import { PlexlineError, TOPIC_BYTES_MAX } from "@plexline/protocol";

/** Largest key of the key-value space, in UTF-8 bytes. */
export const STORAGE_KEY_BYTES_MAX = 1024;

/** Refuses a topic that cannot be stored: empty, or more than 255 bytes. */
export function assertTopic(topic: string): void {
  const bytes = Buffer.byteLength(topic);
  if (bytes === 0 || bytes > TOPIC_BYTES_MAX) throw new PlexlineError("TOPIC_INVALID");
}

/** Refuses a key that cannot be stored: empty, or more than 1,024 bytes. */
export function assertKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes > 0 && bytes <= STORAGE_KEY_BYTES_MAX) return;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `A storage key has ${bytes} bytes; 1 to ${STORAGE_KEY_BYTES_MAX} are possible.`,
    fix: "Use a shorter key, for example a hash of the long part.",
  });
}
