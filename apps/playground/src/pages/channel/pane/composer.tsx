import { useSignal } from "@preact/signals";
import type { Side } from "../../../session/identity.ts";
import type { RoomSession } from "../model/room-session.ts";

const TEXT_LENGTH_MAX = 2_000;

/** Where this user writes. Enter sends; Shift and Enter begin a new line. */
export function Composer({ session, side }: { session: RoomSession; side: Side }) {
  const text = useSignal("");
  const fieldId = `composer-${side}`;
  const send = () => {
    const trimmed = text.value.trim();
    if (trimmed === "") return;
    session.send(trimmed);
    text.value = "";
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="visually-hidden" for={fieldId}>
        Message as {session.person.name}
      </label>
      <textarea
        id={fieldId}
        data-testid="composer"
        class="composer-field"
        rows={1}
        maxLength={TEXT_LENGTH_MAX}
        placeholder={`Message as ${session.person.name}`}
        enterkeyhint="send"
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          if (text.value.trim() !== "") session.announceTyping();
        }}
        onKeyDown={(event) => {
          // While an input method composes, Enter picks a word.
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <button
        type="submit"
        class="button button-primary"
        data-testid="send"
        disabled={text.value.trim() === ""}
      >
        Send
      </button>
    </form>
  );
}
