import { useEffect, useState } from "preact/hooks";

/** The present time in milliseconds since 1970, anew every `intervalMs` while the component is shown. */
export function useNow(intervalMs: number): number {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return nowMs;
}
