import { expect, test } from "vitest";
import { type PageScope, watchPage } from "./page-events.ts";

/** A page whose events a test fires. */
function fakePage() {
  const target = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const page: PageScope = {
    addEventListener: (type, listener) => target.addEventListener(type, listener),
    removeEventListener: (type, listener) => target.removeEventListener(type, listener),
    document,
  };
  return { page, document, target };
}

test("wakes on online, pageshow and becoming visible, and stops when told", () => {
  const { page, document, target } = fakePage();
  let woken = 0;
  const stop = watchPage(() => woken++, page);
  target.dispatchEvent(new Event("online"));
  target.dispatchEvent(new Event("pageshow"));
  expect(woken).toBe(2);
  document.dispatchEvent(new Event("visibilitychange"));
  expect(woken).toBe(2);
  document.visibilityState = "visible";
  document.dispatchEvent(new Event("visibilitychange"));
  expect(woken).toBe(3);
  stop();
  target.dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(woken).toBe(3);
});

test("does nothing where there is no page", () => {
  expect(() => watchPage(() => {}, {})()).not.toThrow();
});
