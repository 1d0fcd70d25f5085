import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { journal } from "./journal.ts";
import { tail } from "./tail.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-history-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

it("reads each line once, of every process, as they are added", () => {
  const where = folder();
  const following = tail(where);
  const [one, other] = [journal(where, "a"), journal(where, "b")];
  one.write({ is: "acknowledged", id: "x:1" });
  expect(following.next()).toMatchObject([{ is: "acknowledged", id: "x:1" }]);
  other.write({ is: "acknowledged", id: "y:1" });
  one.write({ is: "healed", what: "it" }, 12.5);
  expect(following.next()).toMatchObject([{ at: 12.5, what: "it" }, { id: "y:1" }]);
  expect(following.next()).toEqual([]);
});

it("waits for the end of a line that is being written, and adds to the history of an earlier process", () => {
  const where = folder();
  const first = journal(where, "a");
  first.write({ is: "acknowledged", id: "x:1" });
  first.close();
  journal(where, "a").write({ is: "acknowledged", id: "x:2" });
  appendFileSync(join(where, "a.jsonl"), '{"at":1,"is":"acknow');
  const following = tail(where);
  expect(following.next()).toMatchObject([{ id: "x:1" }, { id: "x:2" }]);
  appendFileSync(join(where, "a.jsonl"), 'ledged","id":"x:3"}\n');
  expect(following.next()).toEqual([{ at: 1, is: "acknowledged", id: "x:3" }]);
});

it("puts lines of different processes in order by one clock", () => {
  const where = folder();
  const following = tail(where);
  const [one, other] = [journal(where, "b"), journal(where, "a")];
  for (let i = 0; i < 5; i++) (i % 2 === 0 ? one : other).write({ is: "acknowledged", id: `x:${i}` });
  const inTime = following.next().toSorted((a, b) => a.at - b.at);
  expect(inTime.map((entry) => "id" in entry && entry.id)).toEqual(["x:0", "x:1", "x:2", "x:3", "x:4"]);
});
