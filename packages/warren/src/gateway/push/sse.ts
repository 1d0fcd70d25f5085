import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import type { Caller } from "../edge.ts";
import type { Hub, Line } from "./hub.ts";

/**
 * Keeps a response open as a stream of server-sent events. Events told while a client was away are not repeated:
 * `Last-Event-ID` is not understood, and no ids are sent.
 */
export function streamEvents(reply: FastifyReply, hub: Hub, caller: Caller, maxBufferedBytes: number): void {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    // Tells proxies such as nginx not to collect the stream before passing it on.
    "x-accel-buffering": "no",
    connection: "close",
  });
  const line = lineTo(raw, maxBufferedBytes);
  hub.add(line);
  hub.identify(line, caller);
  raw.on("close", () => hub.remove(line));
  raw.on("error", () => hub.remove(line));
  raw.write(": connected\n\n");
}

function lineTo(raw: ServerResponse, maxBufferedBytes: number): Line {
  const write = (text: string): boolean => {
    if (raw.writableLength + text.length > maxBufferedBytes) return false;
    raw.write(text);
    return true;
  };
  return {
    tell: ({ name, json }) => write(`event: ${name}\ndata: ${json}\n\n`),
    beat: () => !raw.destroyed && write(": still here\n\n"),
    end(why) {
      // A client that does not read would never see a polite end.
      if (why === "slow" || why === "dead") raw.destroy();
      else raw.end();
    },
  };
}
