import type { ErrorBody } from "@plexline/protocol";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { TokenNotice } from "../session/token-source.ts";
import type { UserLine } from "../session/user-client.ts";
import { ErrorNotice } from "./error-notice.tsx";
import { useNow } from "./use-now.ts";

const RENEWED_SHOWN_MS = 8_000;
/** Most losses are over sooner; a notice that flashes by only makes the page jump. */
const LOST_SHOWN_AFTER_MS = 800;

/** What the user should know about the line, and the page's own notices; nothing when all is well. */
export function ConnectionNotices({ line, children }: { line: UserLine; children?: ComponentChildren }) {
  const status = line.status.value;
  const token = line.tokenNotice.value;
  return (
    <div class="notices">
      {status.state === "failed" && (
        <ErrorNotice title="Nobody will retry" error={status.reason}>
          <button type="button" class="button" onClick={line.goOnline}>
            Try again
          </button>
        </ErrorNotice>
      )}
      {line.lost.value && <LostNotice reason={line.lost.value} />}
      {children}
      {token && <TokenLine notice={token} dismiss={line.dismissTokenNotice} />}
    </div>
  );
}

function LostNotice({ reason }: { reason: ErrorBody }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), LOST_SHOWN_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return shown ? <ErrorNotice title="Trying again" error={reason} quiet /> : null;
}

function TokenLine({ notice, dismiss }: { notice: TokenNotice; dismiss: () => void }) {
  useEffect(() => {
    if (notice.step !== "renewed") return;
    const timer = setTimeout(dismiss, RENEWED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  if (notice.step === "short") return <ShortToken expiresAtMs={notice.expiresAtMs} />;
  return (
    <p class="notice" data-tone="good" role="status">
      {notice.inBand
        ? "Fresh token sent on the open socket: see refresh in the wire log."
        : "Connected again with a fresh token."}
    </p>
  );
}

function ShortToken({ expiresAtMs }: { expiresAtMs: number }) {
  const leftSeconds = Math.max(0, Math.ceil((expiresAtMs - useNow(250)) / 1_000));
  return (
    <p class="notice" data-tone="wait">
      This token ends in {leftSeconds} s. The client asks for another one first.
    </p>
  );
}
