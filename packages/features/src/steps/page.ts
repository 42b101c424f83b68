import { utf8Bytes } from "@plexline/protocol";
import type { TopicContext } from "@plexline/server";
import type { StepsLimits } from "./options.ts";
import type { ClientId, SinceInput, SinceOutput, StepJson } from "./protocol.ts";
import { parseStepText, readHead, readStepTexts } from "./step-store.ts";

/** Reads one page of steps from a version on [SP6 to SP9]. */
export async function readPage(
  topic: TopicContext,
  { version, epoch: asked }: SinceInput,
  { pageStepsMax, pageBytesMax }: Pick<StepsLimits, "pageStepsMax" | "pageBytesMax">,
): Promise<SinceOutput> {
  const { version: head } = await readHead(topic);
  const epoch = topic.window?.epoch ?? "";
  const steps: StepJson[] = [];
  const clientIDs: ClientId[] = [];
  const until = asked !== undefined && asked !== epoch ? version : Math.min(head, version + pageStepsMax);
  let bytes = 0;
  for await (const text of readStepTexts(topic, version, until)) {
    bytes += utf8Bytes(text);
    if (bytes > pageBytesMax && steps.length > 0) break;
    const { step, clientID } = parseStepText(text);
    steps.push(step);
    clientIDs.push(clientID);
  }
  return { version, steps, clientIDs, head, epoch };
}
