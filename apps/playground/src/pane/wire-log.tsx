import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Side } from "../session/identity.ts";
import type { UserLine } from "../session/user-client.ts";
import type { WireFilter, WireRow } from "../session/wire-rows.ts";
import { filterWire, wireTypes } from "../session/wire-rows.ts";
import { WireItem } from "./wire-item.tsx";

/** Below this width the log starts folded, so that the composer stays in reach. */
const WIDE = "(min-width: 900px)";

/** Every decoded message of this user's connection, as it travels. */
export function WireLog({ line, side }: { line: Pick<UserLine, "wire" | "clearWire">; side: Side }) {
  const open = useSignal(window.matchMedia(WIDE).matches);
  const filter = useSignal<WireFilter>("no-heartbeat");
  const { rows } = line.wire.value;
  const bodyId = `wire-${side}`;
  return (
    <section class="wire" data-testid="wire-log" data-open={open.value} aria-label="Wire log">
      <div class="wire-head">
        <button
          type="button"
          class="wire-toggle"
          aria-expanded={open.value}
          aria-controls={bodyId}
          onClick={() => {
            open.value = !open.value;
          }}
        >
          Wire <span class="wire-count">{rows.length}</span>
        </button>
        {open.value && (
          <div class="wire-tools">
            <FilterSelect rows={rows} filter={filter.value} choose={(chosen) => (filter.value = chosen)} />
            <button type="button" class="link-button" onClick={line.clearWire}>
              Clear
            </button>
          </div>
        )}
      </div>
      <div id={bodyId} hidden={!open.value}>
        {open.value && <WireList rows={filterWire(rows, filter.value)} total={rows.length} />}
      </div>
    </section>
  );
}

function FilterSelect(props: {
  rows: readonly WireRow[];
  filter: WireFilter;
  choose: (filter: WireFilter) => void;
}) {
  const types = wireTypes(props.rows);
  const chosenType = props.filter.startsWith("type:") ? props.filter.slice("type:".length) : null;
  return (
    <label class="wire-filter">
      <span class="visually-hidden">Show messages of type</span>
      <select
        value={props.filter}
        onChange={(event) => props.choose(event.currentTarget.value as WireFilter)}
        data-testid="wire-filter"
      >
        <option value="no-heartbeat">all but heartbeats</option>
        <option value="all">everything</option>
        {chosenType !== null && !types.includes(chosenType) && (
          <option value={props.filter}>{chosenType}</option>
        )}
        {types.map((type) => (
          <option key={type} value={`type:${type}`}>
            {type}
          </option>
        ))}
      </select>
    </label>
  );
}

function WireList({ rows, total }: { rows: readonly WireRow[]; total: number }) {
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  const newest = rows.at(-1)?.id;
  useLayoutEffect(() => {
    if (atEnd.current && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [newest]);
  if (rows.length === 0) {
    return <p class="wire-empty">{total === 0 ? "Nothing has travelled yet." : "Nothing of this type."}</p>;
  }
  return (
    <ol
      ref={list}
      class="wire-rows"
      onScroll={({ currentTarget }) => {
        atEnd.current =
          currentTarget.scrollHeight - currentTarget.scrollTop - currentTarget.clientHeight < 24;
      }}
    >
      {rows.map((row) => (
        <WireItem key={row.id} row={row} />
      ))}
    </ol>
  );
}
