import { useRef } from "preact/hooks";
import { goTo } from "./location-hash.ts";
import type { PlaygroundPage } from "./pages/page.ts";
import { PAGES } from "./pages/registry.ts";
import { ThemeToggle } from "./theme-toggle.tsx";

export function TopBar({ page, subject }: { page: PlaygroundPage; subject: string }) {
  return (
    <header class="bar">
      <div class="brand">
        <BrandMark />
        <h1>
          Plexline <span>playground</span>
        </h1>
      </div>
      <nav class="bar-nav" aria-label="Pages">
        {PAGES.map((each) => (
          <a
            key={each.hashKey}
            href={`#${each.hashKey}=${encodeURIComponent(each.subjectDefault)}`}
            aria-current={each === page ? "page" : undefined}
          >
            {each.title}
          </a>
        ))}
      </nav>
      <SubjectForm key={`${page.hashKey}=${subject}`} page={page} subject={subject} />
      <nav class="bar-links" aria-label="Server">
        <a href="/readyz" target="_blank" rel="noreferrer">
          /readyz
        </a>
        <a href="/metrics" target="_blank" rel="noreferrer">
          /metrics
        </a>
      </nav>
      <ThemeToggle />
    </header>
  );
}

function SubjectForm({ page, subject }: { page: PlaygroundPage; subject: string }) {
  const input = useRef<HTMLInputElement>(null);
  const go = (event: Event) => {
    event.preventDefault();
    if (!input.current) return;
    const chosen = page.parseSubject(input.current.value);
    input.current.value = chosen;
    if (chosen !== subject) goTo(page.hashKey, chosen);
  };
  return (
    <form class="subject" onSubmit={go}>
      <label for="subject">{page.subjectLabel}</label>
      <input
        id="subject"
        ref={input}
        class="subject-input"
        data-testid="room"
        defaultValue={subject}
        maxLength={64}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        enterkeyhint="go"
      />
      <button type="submit" class="button button-quiet">
        Go
      </button>
    </form>
  );
}

function BrandMark() {
  return (
    <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true" fill="none">
      <path class="brand-side" d="M4 8c8 0 6 8 13 8M4 24c8 0 6-8 13-8" />
      <path class="brand-main" d="M4 16h21" />
      <circle class="brand-node" cx="26" cy="16" r="3" />
    </svg>
  );
}
