import { useSignal } from "@preact/signals";
import type { WireRow } from "../session/wire-rows.ts";

const TIME = new Intl.DateTimeFormat(undefined, {
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

/** One decoded message: a line, and the whole of it when opened. */
export function WireItem({ row }: { row: WireRow }) {
  const open = useSignal(false);
  return (
    <li class="wire-row" data-direction={row.direction} data-type={row.type}>
      <button
        type="button"
        class="wire-line"
        aria-expanded={open.value}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <span class="wire-arrow" aria-hidden="true">
          {row.direction === "in" ? "↓" : "↑"}
        </span>
        <span class="visually-hidden">{row.direction === "in" ? "received" : "sent"}</span>
        <span class="wire-type">{row.type}</span>
        <span class="wire-json">
          {row.topic && <span class="wire-topic">{row.topic} </span>}
          {row.line}
        </span>
        <time class="wire-time">{TIME.format(row.atMs)}</time>
      </button>
      {open.value && <pre class="wire-pretty">{row.pretty}</pre>}
    </li>
  );
}
