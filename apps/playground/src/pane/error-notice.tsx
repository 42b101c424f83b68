import type { ComponentChildren } from "preact";

/** What went wrong and what to do about it; `quiet` when it mends itself. */
export function ErrorNotice(props: {
  title: string;
  error: { readonly code: string; readonly message: string; readonly fix: string };
  quiet?: boolean;
  children?: ComponentChildren;
}) {
  const { error, title, quiet = false, children } = props;
  return (
    <div class="notice" data-tone={quiet ? "wait" : "fail"} role={quiet ? undefined : "alert"}>
      <p>
        <strong>{title}.</strong> {error.message} <code>{error.code}</code>
      </p>
      <p class="notice-fix">{error.fix}</p>
      {children}
    </div>
  );
}
