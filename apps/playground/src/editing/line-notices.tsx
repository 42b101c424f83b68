import { ErrorNotice } from "../pane/error-notice.tsx";
import type { DocumentLine } from "./document-line.ts";

/** What the user should know about the line; nothing when all is well. `reopen` begins again with an empty copy. */
export function LineNotices(props: { line: Pick<DocumentLine, "trouble" | "readOnly">; reopen: () => void }) {
  const { line, reopen } = props;
  const trouble = line.trouble.value;
  return (
    <div class="notices">
      {trouble && (
        <ErrorNotice title={trouble.replaced ? "Replaced" : "Refused"} error={trouble}>
          {trouble.replaced && (
            <button type="button" class="button" onClick={reopen}>
              Open the new one
            </button>
          )}
        </ErrorNotice>
      )}
      {line.readOnly.value && (
        <p class="notice" data-tone="wait">
          You may read this document, not write it.
        </p>
      )}
    </div>
  );
}
