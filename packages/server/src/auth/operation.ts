/** What someone may do with a topic; roles are sets of these. */
export type Operation = "subscribe" | "publish" | "call" | "presence";
