import { readBody as read } from "../../../http/body.ts";

export function readBody(request: Request, bytesMax: number) {
  return read(request, { bytesMax });
}
