export { type DefaultApp, defaultTopics } from "./app.ts";
export type { PlexlineConfig } from "./config.ts";
