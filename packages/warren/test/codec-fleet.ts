import { afterEach, beforeEach } from "vitest";
import { z } from "zod";
import { amqpUrl } from "../../../test/amqp-url.ts";
import { embedded, embeddedBroker } from "../src/embedded/index.ts";
import {
  type App,
  type AppOptions,
  app,
  type CompressionOptions,
  contract,
  type Incoming,
  randomId,
  rpc,
  type Service,
  service,
  silent,
  systemRandom,
  type Transport,
} from "../src/index.ts";
import { rabbitmq } from "../src/rabbitmq/index.ts";
import { type CodecName, codecs } from "./codec-values.ts";
import type { TransportName } from "./shape-world.ts";

const anything = z.any();

/** One that says, hears and asks, whatever the others write their messages in. */
function memberContract(name: string) {
  return contract(name, {
    methods: {
      echo: rpc({ input: anything, output: anything, timeoutMs: 5_000 }),
      refuse: rpc({ input: anything, output: anything, errors: { NO: anything } }),
      ask: rpc({ input: z.object({ whom: z.string(), refuse: z.boolean() }), output: z.string() }),
      announce: rpc(),
    },
    events: { said: anything },
  });
}
type Member = ReturnType<typeof memberContract>;

export interface Fleet {
  readonly members: Readonly<Record<CodecName, Member>>;
  /** Each in an app of its own, all with JSON as their app's codec. */
  readonly apps: Readonly<Record<CodecName, App>>;
  /** Messages that came to any of them, replies included, with what they said of their bodies. */
  readonly messages: readonly Incoming[];
  /** What was heard: by whom, of whom, and what. */
  readonly heard: { by: CodecName; of: CodecName; value: unknown }[];
  /** Another app on the same broker. */
  start(options?: Partial<AppOptions>): Promise<App>;
  transport(): Transport;
  /** What the handlers of `who` send: `whom` a call, or everybody an event. Gives what the other one had. */
  ask(who: CodecName, whom: CodecName, value: unknown, refuse?: boolean): Promise<unknown>;
  announce(who: CodecName, value: unknown): Promise<void>;
}

const names = Object.keys(codecs) as CodecName[];

/** Three services, each with a codec of its own, that all call and hear each other. A new one for each test. */
export function fleet(transport: TransportName, compression?: CompressionOptions): () => Fleet {
  let current: Fleet;
  const running: App[] = [];
  beforeEach(async () => {
    current = await launch(transport, compression, running);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.stop({ drainMs: 200 })));
  });
  return () => current;
}

async function launch(
  name: TransportName,
  compression: CompressionOptions | undefined,
  running: App[],
): Promise<Fleet> {
  const suffix = randomId(systemRandom, 8).toLowerCase();
  const broker = embeddedBroker();
  const messages: Incoming[] = [];
  const heard: Fleet["heard"] = [];
  const transport = (): Transport =>
    name === "embedded" ? embedded({ broker }) : rabbitmq({ url: amqpUrl() });
  const members = Object.fromEntries(
    names.map((codec) => [codec, memberContract(`${codec.toLowerCase()}-${suffix}`)]),
  ) as unknown as Fleet["members"];
  /** What does not travel with the request that asks for it, which has a codec too. */
  let sent: unknown;
  let got: unknown;

  async function start(options: Partial<AppOptions> = {}): Promise<App> {
    const made = app({
      log: silent,
      transport: listening(transport(), messages),
      ...(compression && { compression }),
      ...options,
    });
    running.push(made);
    await made.start();
    return made;
  }

  function member(codec: CodecName): Service<Member> {
    return service(members[codec], {
      ...(codec === "json" ? {} : { codec: codecs[codec] }),
      uses: members,
      methods: {
        echo: (value) => value,
        refuse: (value, { fail }) => {
          throw fail.NO(value);
        },
        async ask({ whom, refuse }, { call }) {
          const other = call[whom as CodecName];
          got = await (refuse ? other.refuse(sent) : other.echo(sent));
          return "asked";
        },
        announce: async (_, { emit }) => emit.said(sent),
      },
      on: Object.fromEntries(
        names.map((of) => [
          `${members[of].name}.said`,
          { run: (value: unknown) => heard.push({ by: codec, of, value }), retry: { attempts: 1 } },
        ]),
      ) as never,
    }) as never;
  }

  const apps = Object.fromEntries(
    await Promise.all(names.map(async (codec) => [codec, await start({ services: [member(codec)] })])),
  ) as Fleet["apps"];
  return {
    members,
    apps,
    messages,
    heard,
    start,
    transport,
    async ask(who, whom, value, refuse = false) {
      sent = value;
      got = undefined;
      await apps[who].client(members[who]).ask({ whom, refuse });
      return got;
    },
    async announce(who, value) {
      sent = value;
      await apps[who].client(members[who]).announce();
    },
  };
}

function listening(transport: Transport, messages: Incoming[]): Transport {
  return new Proxy(transport, {
    get(target, member) {
      if (member === "consume")
        return (queue: string, handle: (message: Incoming) => unknown, options: never) =>
          target.consume(queue, (message) => (messages.push(message), handle(message)) as never, options);
      if (member === "replies")
        return (handle: (message: Incoming) => void) =>
          target.replies((message) => (messages.push(message), handle(message)));
      const value = Reflect.get(target, member);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
