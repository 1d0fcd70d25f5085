import { expect, it, onTestFinished, vi } from "vitest";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  app,
  contract,
  type DirectoryMessage,
  directory,
  service,
  silent,
  systemClock,
} from "../src/index.ts";
import { virtualClock } from "../src/testing/index.ts";
import { untilKnown } from "./directory-world.ts";

it("an instance that stays says so once in one and a half to three minutes, and a listener says nothing", async () => {
  const clock = virtualClock();
  const broker = embeddedBroker({ clock });
  const one = app({
    transport: embedded({ broker }),
    services: [service(contract("pots", {}), { methods: {} })],
    clock,
    log: silent,
  });
  await one.start();
  const sent: DirectoryMessage[] = [];
  const received: DirectoryMessage[] = [];
  const opening = directory(embedded({ broker }), {
    clock,
    observer: {
      sent: (message) => void sent.push(message),
      received: (message) => void received.push(message),
    },
  });
  await clock.advance(1_000);
  await opening;
  await clock.advance(3_600_000);
  expect(sent).toEqual(["question"]);
  const refreshed = received.filter((message) => message === "refreshed").length;
  expect(received.filter((message) => message !== "refreshed")).toEqual(["answer"]);
  expect(refreshed).toBeGreaterThanOrEqual(19);
  expect(refreshed).toBeLessThanOrEqual(40);
});

it("an observer is told of what is sent, received and removed", async () => {
  const broker = embeddedBroker();
  const removed: string[] = [];
  const received: string[] = [];
  const listed = await directory(embedded({ broker }), {
    observer: {
      received: (message) => void received.push(message),
      removed: (name, how) => void removed.push(`${name} ${how}`),
    },
  });
  onTestFinished(() => listed.close());
  const one = app({
    transport: embedded({ broker }),
    services: [service(contract("pots", {}), { methods: {} })],
    clock: systemClock,
    log: silent,
  });
  await one.start();
  await untilKnown(listed, "pots", [one.instance], 1_000);
  await one.stop();
  await vi.waitFor(() => expect(removed).toEqual(["pots left"]));
  expect(received).toEqual(["joined", "leaving", "left"]);
});
