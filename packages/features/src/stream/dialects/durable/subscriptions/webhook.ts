/** What came of a webhook: the work is done, it was taken, or it must be sent again. */
export type WebhookOutcome = "done" | "taken" | "failed";

const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/** Sends a webhook. A redirect is a failure: it could lead into a private network. */
export async function deliverWebhook(url: string, body: string, signature: string): Promise<WebhookOutcome> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Webhook-Signature": signature },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return "failed";
    }
    return isDone(await readText(response)) ? "done" : "taken";
  } catch {
    return "failed";
  }
}

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) {
      await reader.cancel();
      return "";
    }
  }
  return text;
}

function isDone(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "done" in value && value.done === true;
  } catch {
    return false;
  }
}
