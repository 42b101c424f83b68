/// <reference types="vite/client" />
import type { PlaygroundPage } from "./page.ts";

// Pages are found by their file name, so that two features never meet in one list.
const modules = import.meta.glob<{ page: PlaygroundPage }>("./*/page.ts", { eager: true });

/** Every page that exists, in navigation order. */
export const PAGES: readonly PlaygroundPage[] = Object.values(modules)
  .map((module) => module.page)
  .sort((a, b) => a.order - b.order);

/** The page and subject that an address names; the first page's default when it names none. */
export function pageOf(hash: URLSearchParams): { page: PlaygroundPage; subject: string } {
  for (const page of PAGES) {
    const subject = hash.get(page.hashKey);
    if (subject !== null) return { page, subject: page.parseSubject(subject) };
  }
  const page = PAGES[0];
  if (!page) throw new Error("The playground was built without pages.");
  return { page, subject: page.subjectDefault };
}
