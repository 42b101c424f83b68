import { parseSubjectName } from "../../session/subject-name.ts";
import { lazyView } from "../lazy-view.tsx";
import type { PlaygroundPage } from "../page.ts";

const RUN_DEFAULT = "first";

export const page: PlaygroundPage = {
  hashKey: "run",
  title: "Agent",
  order: 4,
  subjectLabel: "Run",
  subjectDefault: RUN_DEFAULT,
  parseSubject: (text) => parseSubjectName(text, RUN_DEFAULT),
  // The clients of four transports, and the fold of a run.
  View: lazyView(async () => (await import("./agent-page.tsx")).AgentPage),
};
