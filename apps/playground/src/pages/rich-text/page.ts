import { parseSubjectName } from "../../session/subject-name.ts";
import { lazyView } from "../lazy-view.tsx";
import type { PlaygroundPage } from "../page.ts";

const NAME_DEFAULT = "notes";

export const page: PlaygroundPage = {
  hashKey: "rich",
  title: "Rich text",
  order: 3,
  subjectLabel: "Document",
  subjectDefault: NAME_DEFAULT,
  parseSubject: (text) => parseSubjectName(text, NAME_DEFAULT),
  // TipTap and ProseMirror, which no other page needs.
  View: lazyView(async () => (await import("./rich-text-page.tsx")).RichTextPage),
};
