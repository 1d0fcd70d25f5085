import type { Codec } from "./codec.ts";
import { json } from "./json.ts";

/** What bodies are read with: by what each message says that it is, never by how this process is set up. */
export interface Reading {
  /** What such a message is read with; `undefined` where that is not loaded yet, or nothing reads it. */
  codec(contentType: string | undefined): Codec | undefined;
  /** @throws Error saying what came and what to install; rejects */
  load(contentType: string): Promise<Codec>;
  /** What a body may take, unpacked. */
  readonly maxBytes: number;
}

/** Codecs that are loaded when the first message comes that needs them: most processes never see one. */
const known: readonly Known[] = [
  {
    types: ["application/msgpack", "application/x-msgpack", "application/vnd.msgpack"],
    library: "msgpackr",
    load: async () => (await import("../messagepack/index.ts")).messagePack,
  },
  {
    types: ["application/bson", "application/x-bson", "application/vnd.bson"],
    library: "bson",
    load: async () => (await import("../bson/index.ts")).bson,
  },
];

interface Known {
  readonly types: readonly string[];
  readonly library: string;
  readonly load: () => Promise<Codec>;
}

/** @param codecs those that this process sends with, which may be others than Warren's own */
export function reading(codecs: readonly Codec[], maxBytes: number): Reading {
  const byType = new Map<string, Codec>([[json.contentType, json]]);
  const loading = new Map<string, Promise<Codec>>();
  for (const codec of codecs) for (const type of aliasesOf(codec.contentType)) byType.set(type, codec);
  const usual = byType.get(json.contentType)!;

  async function loaded(type: string): Promise<Codec> {
    const found = byType.get(type);
    if (found !== undefined) return found;
    const entry = known.find(({ types }) => types.includes(type));
    if (entry === undefined)
      throw new Error(`nothing reads "${type}"; what is read is ${readable(byType.keys())}`);
    let codec: Codec;
    try {
      codec = await entry.load();
    } catch (cause) {
      const message = `what reads "${type}" is not there: npm install ${entry.library} (${String((cause as Error).message)})`;
      throw new Error(message, { cause });
    }
    for (const each of entry.types) byType.set(each, codec);
    return codec;
  }

  return {
    maxBytes,
    codec: (contentType) =>
      contentType === undefined || contentType === json.contentType
        ? usual
        : (byType.get(contentType) ?? byType.get(typeOf(contentType))),
    load(contentType) {
      const type = typeOf(contentType);
      // A library that is not there is not looked for with every message.
      const isKnown = known.some(({ types }) => types.includes(type));
      if (!isKnown) return loaded(type);
      const begun = loading.get(type) ?? loaded(type);
      loading.set(type, begun);
      return begun;
    },
  };
}

/** Without parameters such as `charset`. What is written as JSON under a name of its own is JSON. */
function typeOf(contentType: string): string {
  const type = contentType.split(";", 1)[0]!.trim().toLowerCase();
  return type === "" || type === "text/json" || type.endsWith("+json") ? json.contentType : type;
}

function aliasesOf(contentType: string): readonly string[] {
  return known.find(({ types }) => types.includes(contentType))?.types ?? [contentType];
}

function readable(types: Iterable<string>): string {
  return [...new Set([...types, ...known.map(({ types: [first] }) => first!)])].join(", ");
}
