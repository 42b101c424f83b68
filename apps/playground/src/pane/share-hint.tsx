import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

/** Tells that the page's subject is open to any browser, and gives the address. `children` are the page's own actions. */
export function ShareHint(props: {
  hashKey: string;
  subject: string;
  title: string;
  text: string;
  children?: ComponentChildren;
}) {
  const copied = useSignal(false);
  const { origin, pathname } = window.location;
  const address = `${origin}${pathname}#${props.hashKey}=${encodeURIComponent(props.subject)}`;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(address);
      copied.value = true;
    } catch {
      // Not allowed here (plain http of another machine): the address bar has the same address.
      copied.value = false;
    }
  };
  return (
    <div class="share">
      <p>
        <strong>{props.title}</strong> <span class="share-more">{props.text}</span>
      </p>
      <div class="share-actions">
        {props.children}
        <a href={address} target="_blank" rel="noreferrer">
          Open another window
        </a>
        <button type="button" class="link-button" onClick={copy}>
          {copied.value ? "Copied" : "Copy address"}
        </button>
      </div>
      <span class="visually-hidden" role="status">
        {copied.value ? "The address was copied." : ""}
      </span>
    </div>
  );
}
