import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { PaneSwitch } from "../../pane/pane-switch.tsx";
import { ShareHint } from "../../pane/share-hint.tsx";
import type { Side } from "../../session/identity.ts";
import { identityOf } from "../../session/identity.ts";
import type { RoomSession } from "./model/room-session.ts";
import { createRoomSession } from "./model/room-session.ts";
import { Pane } from "./pane/pane.tsx";

interface Sides {
  readonly a: RoomSession;
  readonly b: RoomSession;
}

/** Two users of one room, side by side: each has a client, a token and a connection of their own. */
export function ChannelPage({ subject }: { subject: string }) {
  const [sides, setSides] = useState<Sides | null>(null);
  const shown = useSignal<Side>("a");

  useEffect(() => {
    const opened = {
      a: createRoomSession(identityOf("a"), subject),
      b: createRoomSession(identityOf("b"), subject),
    };
    setSides(opened);
    return () => {
      opened.a.close();
      opened.b.close();
    };
  }, [subject]);

  if (!sides) return null;
  return (
    <div class="page-body" data-shown={shown.value}>
      <ShareHint
        hashKey="room"
        subject={subject}
        title="Two users, one room."
        text="Any other browser at this address joins them. Restart the server while they talk: nothing saved is lost."
      />
      <PaneSwitch
        shown={shown}
        panes={(["a", "b"] as const).map((side) => ({
          side,
          name: sides[side].person.name,
          state: sides[side].status.value.state,
        }))}
      />
      <div class="panes">
        <Pane side="a" session={sides.a} />
        <Pane side="b" session={sides.b} />
      </div>
    </div>
  );
}
