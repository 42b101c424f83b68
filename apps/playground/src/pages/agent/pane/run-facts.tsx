import { formatCursor } from "@plexline/features/stream";
import type { Reading } from "../model/reading.ts";
import { WAYS, type Way } from "../model/transports.ts";

/** What this pane has read, and how it got it. */
export function RunFacts({ reading, wayInUse }: { reading: Reading; wayInUse: Way | null }) {
  const { position, events, duplicates, gaps } = reading;
  const way = WAYS.find((each) => each.way === wayInUse);
  return (
    <dl class="run-facts">
      <Fact name="Over" id="way-in-use" text={way?.name ?? "–"} title={way?.address} />
      <Fact name="Events" id="events" text={String(events)} title="Read since this page was opened." />
      <Fact
        name="Duplicates"
        id="duplicates"
        text={String(duplicates)}
        isBad={duplicates > 0}
        title="Events that came again, and were dropped."
      />
      <Fact name="Gaps" id="gaps" text={String(gaps)} isBad={gaps > 0} title="Events that never came." />
      <Fact
        name="Cursor"
        id="cursor"
        text={position ? formatCursor(position) : "–"}
        title="Whoever comes with it, on any transport, is given what follows."
      />
    </dl>
  );
}

function Fact(props: {
  name: string;
  id: string;
  text: string;
  title?: string | undefined;
  isBad?: boolean;
}) {
  const { name, id, text, title, isBad = false } = props;
  return (
    <div title={title} data-bad={isBad}>
      <dt>{name}</dt>
      <dd data-testid={id}>{text}</dd>
    </div>
  );
}
