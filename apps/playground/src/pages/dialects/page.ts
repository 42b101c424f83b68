import { parseSubjectName } from "../../session/subject-name.ts";
import { lazyView } from "../lazy-view.tsx";
import type { PlaygroundPage } from "../page.ts";

const NAME_DEFAULT = "welcome";

export const page: PlaygroundPage = {
  hashKey: "dialects",
  title: "Dialects",
  order: 2,
  subjectLabel: "Document",
  subjectDefault: NAME_DEFAULT,
  parseSubject: (text) => parseSubjectName(text, NAME_DEFAULT),
  // Five clients of five wires, and their editors.
  View: lazyView(async () => (await import("./dialects-page.tsx")).DialectsPage),
};
