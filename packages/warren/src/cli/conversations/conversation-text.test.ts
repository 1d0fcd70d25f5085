import { expect, test, vi } from "vitest";
import { tellUnanswered } from "./conversation-text.ts";

test("services that gave no answer for the same reason share a line", () => {
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  const away = (who: string) => ({ who, why: `UNAVAILABLE: Service "${who}" is unavailable: nobody runs.` });
  tellUnanswered([away("cut"), { who: "ship", why: "TIMEOUT" }, away("paint")]);
  expect(error.mock.calls.map(([line]) => line)).toEqual([
    "Not asked, so what they know is missing: cut, paint (UNAVAILABLE: The service is unavailable: nobody runs.).",
    "Not asked, so what it knows is missing: ship (TIMEOUT).",
  ]);
  error.mockRestore();
});
