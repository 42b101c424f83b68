import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { RoomSession } from "../model/room-session.ts";
import { MessageItem } from "./message-item.tsx";
import { NoticeItem } from "./notice-item.tsx";

/** Nearer to the end than this counts as reading the newest. */
const STICK_PX = 48;

/** The room's log as a line: entries in order, with what is not in it yet at the end. */
export function MessageList({ session }: { session: RoomSession }) {
  const { rows } = session.log.value;
  const list = useRef<HTMLDivElement>(null);
  const away = useSignal(false);

  // Rows arrive and grow, and the list itself shrinks when a notice appears: whoever reads the newest keeps seeing it.
  useLayoutEffect(() => {
    if (!away.peek()) scrollToEnd(list.current);
  }, [rows]);
  useEffect(() => {
    if (!list.current) return;
    const observer = new ResizeObserver(() => {
      if (!away.peek()) scrollToEnd(list.current);
    });
    observer.observe(list.current);
    return () => observer.disconnect();
  }, []);

  return (
    <div class="messages-frame">
      <div
        ref={list}
        class="messages"
        data-testid="messages"
        role="log"
        aria-live="polite"
        aria-label={`Messages, as ${session.person.name} sees them`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
        tabIndex={0}
        onScroll={(event) => {
          away.value = distanceToEnd(event.currentTarget) > STICK_PX;
        }}
      >
        {rows.length === 0 && <EmptyLog session={session} />}
        {rows.map((row) =>
          row.kind === "message" ? (
            <MessageItem key={row.id} row={row} session={session} />
          ) : (
            <NoticeItem key={row.id} row={row} />
          ),
        )}
      </div>
      {away.value && (
        <button type="button" class="button to-newest" onClick={() => scrollToEnd(list.current)}>
          Newest ↓
        </button>
      )}
    </div>
  );
}

/** What an empty list means depends on whether the room is received at all. */
const EMPTY_TEXTS = {
  subscribed: {
    title: "Nothing in this log yet",
    text: "Write the first message. Its number is its offset in the room's log, and it counts as saved once that is on disk.",
  },
  subscribing: {
    title: "Waiting for the server",
    text: "You can write already: messages wait here and are sent, once, when the connection is there.",
  },
  unsubscribed: {
    title: "Not in this room",
    text: "Nothing is received here. Choose another room in the bar above.",
  },
} as const;

function EmptyLog({ session }: { session: RoomSession }) {
  const { title, text } = EMPTY_TEXTS[session.subscription.value.state];
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      <p>{text}</p>
    </div>
  );
}

function scrollToEnd(element: HTMLElement | null): void {
  if (element) element.scrollTop = element.scrollHeight;
}

function distanceToEnd(element: HTMLElement): number {
  return element.scrollHeight - element.scrollTop - element.clientHeight;
}
