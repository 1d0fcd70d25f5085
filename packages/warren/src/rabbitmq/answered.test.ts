import { expect, it } from "vitest";
import { virtualClock } from "../testing/virtual-clock.ts";
import { answered } from "./answered.ts";

it("an answer in time is the answer, whatever it is, and leaves no timer behind", async () => {
  const clock = virtualClock();
  const late: unknown[] = [];
  const gaveUp = (answer: unknown): void => void late.push(answer);
  expect(await answered(clock, "question", Promise.resolve(7), gaveUp)).toBe(7);
  await expect(answered(clock, "question", Promise.reject(new Error("no")), gaveUp)).rejects.toThrow("no");
  await clock.advance(60_000);
  expect(late).toEqual([]);
});

it("without one it fails by name, and what comes late is handed to who gave up", async () => {
  const clock = virtualClock();
  const { promise, resolve } = Promise.withResolvers<number>();
  const late: Promise<number>[] = [];
  const failure = expect(
    answered(clock, 'declaration of queue "q"', promise, (answer) => late.push(answer)),
  ).rejects.toThrow('RabbitMQ did not answer the declaration of queue "q" within 20000 ms');
  await clock.advance(20_000);
  await failure;
  resolve(7);
  expect(await late[0]).toBe(7);
});
