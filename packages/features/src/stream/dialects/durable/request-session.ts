export * from "../../../http/request-session.ts";
