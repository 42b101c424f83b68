import { parseSubjectName } from "../../session/subject-name.ts";
import type { PlaygroundPage } from "../page.ts";
import { ChannelPage } from "./channel-page.tsx";

const ROOM_DEFAULT = "lobby";

export const page: PlaygroundPage = {
  hashKey: "room",
  title: "Channel",
  order: 1,
  subjectLabel: "Room",
  subjectDefault: ROOM_DEFAULT,
  parseSubject: (text) => parseSubjectName(text, ROOM_DEFAULT),
  View: ChannelPage,
};
