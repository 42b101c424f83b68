import { useEffect } from "preact/hooks";
import { hash } from "./location-hash.ts";
import { pageOf } from "./pages/registry.ts";
import { TopBar } from "./top-bar.tsx";

/** The frame that every page shares: the bar, and the page that the address names. */
export function App() {
  const { page, subject } = pageOf(hash.value);
  useEffect(() => {
    document.title = `${subject} · Plexline playground`;
  }, [subject]);
  return (
    <>
      <a class="skip-link" href={`#${page.hashKey}=${encodeURIComponent(subject)}`} onClick={focusPage}>
        Skip to the page
      </a>
      <TopBar page={page} subject={subject} />
      <main id="page" class="page" tabIndex={-1}>
        {/* A new subject is a new page: clients of the old one close, new ones open. */}
        <page.View key={`${page.hashKey}=${subject}`} subject={subject} />
      </main>
    </>
  );
}

/** The hash belongs to the page's subject, so the skip link moves the focus itself. */
function focusPage(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("page")?.focus();
}
