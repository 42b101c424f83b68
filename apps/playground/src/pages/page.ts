import type { ComponentType } from "preact";

/** One page of the playground. A feature adds one by exporting it as `page` from `pages/<feature>/page.ts`. */
export interface PlaygroundPage {
  /** The key that names the page in the address: `room` in `#room=lobby`. */
  readonly hashKey: string;
  /** Its name in the navigation. */
  readonly title: string;
  /** Lower comes first; the first page is shown when the address names none. */
  readonly order: number;
  /** What its subject is called: `Room`. */
  readonly subjectLabel: string;
  readonly subjectDefault: string;
  /** Turns typed text into a valid subject; the default when nothing valid is left. */
  readonly parseSubject: (text: string) => string;
  readonly View: ComponentType<{ subject: string }>;
}
