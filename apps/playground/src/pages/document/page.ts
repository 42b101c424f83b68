import { parseSubjectName } from "../../session/subject-name.ts";
import { lazyView } from "../lazy-view.tsx";
import type { PlaygroundPage } from "../page.ts";

const NAME_DEFAULT = "welcome";

export const page: PlaygroundPage = {
  hashKey: "doc",
  title: "Document",
  order: 0,
  subjectLabel: "Document",
  subjectDefault: NAME_DEFAULT,
  parseSubject: (text) => parseSubjectName(text, NAME_DEFAULT),
  // The editor is most of the playground's code, and only this page needs it.
  View: lazyView(async () => (await import("./document-page.tsx")).DocumentPage),
};
