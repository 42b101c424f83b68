import { expect, test } from "vitest";
import { CliError, readEnvironment } from "./environment.ts";

test("an empty environment says nothing", () => {
  expect(readEnvironment({})).toEqual({ allowedOrigins: [], unsupported: [] });
  expect(readEnvironment({ PORT: "", JWT_SECRET: " " })).toEqual({ allowedOrigins: [], unsupported: [] });
});

test("every variable arrives under its name", () => {
  const environment = readEnvironment({
    PORT: "0",
    HOST: "0.0.0.0",
    JWT_SECRET: "s",
    JWKS_URL: "https://id.example/jwks",
    PLEXLINE_DATA: "/data",
    ALLOWED_ORIGINS: "https://a.example, https://b.example ,",
    LOG_LEVEL: "DEBUG",
    ADMIN_TOKEN: "t",
    NATS_URL: "nats://x",
  });
  expect(environment).toEqual({
    port: 0,
    host: "0.0.0.0",
    jwtSecret: "s",
    jwksUrl: "https://id.example/jwks",
    data: "/data",
    allowedOrigins: ["https://a.example", "https://b.example"],
    logLevel: "debug",
    adminToken: "t",
    unsupported: ["NATS_URL"],
  });
});

test.each([
  { variables: { PORT: "80a" }, says: "PORT" },
  { variables: { PORT: "65536" }, says: "PORT" },
  { variables: { PORT: "-1" }, says: "PORT" },
  { variables: { LOG_LEVEL: "loud" }, says: "LOG_LEVEL" },
])("a mistake is named with its fix: $variables", ({ variables, says }) => {
  expect(() => readEnvironment(variables)).toThrow(CliError);
  expect(() => readEnvironment(variables)).toThrow(says);
});
