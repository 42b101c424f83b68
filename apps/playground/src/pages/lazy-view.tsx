import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { PlaygroundPage } from "./page.ts";

type View = PlaygroundPage["View"];

/** A view whose code is fetched when it is first shown. */
export function lazyView(load: () => Promise<View>): View {
  let loaded: View | null = null;
  return function LazyView({ subject }: { subject: string }) {
    const [state, setState] = useState<{ view: View | null; failed: boolean }>({
      view: loaded,
      failed: false,
    });
    useEffect(() => {
      if (loaded) return;
      let gone = false;
      load().then(
        (view) => {
          loaded = view;
          if (!gone) setState({ view, failed: false });
        },
        () => {
          if (!gone) setState({ view: null, failed: true });
        },
      );
      return () => {
        gone = true;
      };
    }, []);
    if (state.failed) return <LoadingFailed />;
    const Loaded: ComponentType<{ subject: string }> | null = state.view;
    return Loaded ? <Loaded subject={subject} /> : <p class="empty">Loading…</p>;
  };
}

function LoadingFailed() {
  return (
    <div class="empty" role="alert">
      <p class="empty-title">This page could not be loaded</p>
      <p>The server is away, or it was updated since this tab was opened.</p>
      <button type="button" class="button" onClick={() => window.location.reload()}>
        Load again
      </button>
    </div>
  );
}
