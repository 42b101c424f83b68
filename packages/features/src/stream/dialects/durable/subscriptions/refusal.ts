import { EVERY_ANSWER } from "../header.ts";

/** A refusal of a subscription's own: its codes are the protocol's. */
export class ControlRefusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "ControlRefusal";
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

/** Whoever comes with an old wake, or with a token of another one. */
export function fenced(): ControlRefusal {
  return new ControlRefusal(409, "FENCED", "The wake is over, or somebody else's.");
}

export function malformed(message: string): ControlRefusal {
  return new ControlRefusal(400, "INVALID_REQUEST", message);
}

export function answerJson(status: number, value: unknown): Response {
  return Response.json(value, { status, headers: { ...EVERY_ANSWER, "Cache-Control": "no-store" } });
}

export function refusalResponse({ status, code, message, details }: ControlRefusal): Response {
  return answerJson(status, { error: { code, message, ...details } });
}
