import { connect } from "node:net";
import type { Clock } from "../time.ts";

/** "Do you speak TLS?", the one question that PostgreSQL answers before it knows who asks. */
const question = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** Whether a PostgreSQL takes connections on this loopback port. */
export function answers(port: number, clock: Clock, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const done = (answered: boolean): void => {
      timer.cancel();
      socket.destroy();
      resolve(answered);
    };
    const timer = clock.after(timeoutMs, () => done(false));
    socket.once("connect", () => socket.write(question));
    socket.once("data", (answer) => done(answer.length === 1 && (answer[0] === 0x4e || answer[0] === 0x53)));
    socket.once("error", () => done(false));
    socket.once("close", () => done(false));
  });
}
