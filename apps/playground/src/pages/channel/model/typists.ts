import type { ChannelHandle } from "@plexline/features/channel/client";
import type { ReadonlySignal } from "@preact/signals";
import { computed, signal } from "@preact/signals";
import type { PersonHere } from "../../../session/person.ts";
import type { Typing } from "./typing.ts";
import { expireTyping, heardTyping, mayAnnounce, stoppedTyping } from "./typing.ts";

const EXPIRY_CHECK_MS = 500;

export interface Typists {
  /** Names of the others who type now. */
  readonly names: ReadonlySignal<readonly string[]>;
  /** Tells the others that this user types; at most once a second, and never later than now. */
  announce(): void;
  /** A session sent what it typed. */
  stopped(session: string): void;
  close(): void;
}

/** Who types in a channel: ephemeral announcements, forgotten after three seconds. */
export function createTypists(
  channel: ChannelHandle,
  members: ReadonlySignal<readonly PersonHere[]>,
  self: string,
): Typists {
  const typing = signal<Typing>(new Map());
  let announcedAtMs: number | null = null;
  const stop = channel.on("typing", (_payload, meta) => {
    if (meta.from !== undefined) typing.value = heardTyping(typing.value, meta.from, Date.now());
  });
  const timer = setInterval(() => {
    typing.value = expireTyping(typing.value, Date.now());
  }, EXPIRY_CHECK_MS);

  return {
    names: computed(() =>
      members.value
        .filter((member) => member.user !== self && typing.value.has(member.id))
        .map((member) => member.name),
    ),
    announce() {
      const nowMs = Date.now();
      if (!mayAnnounce(announcedAtMs, nowMs)) return;
      announcedAtMs = nowMs;
      // Old news is no news: dropped while offline. A refusal needs no answer either, the wire log shows it.
      channel.publish("typing", {}, { ack: false, offline: "drop" }).catch(() => undefined);
    },
    stopped(session) {
      typing.value = stoppedTyping(typing.value, session);
    },
    close() {
      stop();
      clearInterval(timer);
    },
  };
}
