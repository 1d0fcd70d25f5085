import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A hidden Erlang node that is kept open: a fault takes milliseconds instead of the start of a command line tool. */
export interface Control {
  /**
   * Evaluates an Erlang expression on a node, and gives a binary as its text, any other term as Erlang writes it.
   * Throws when the node cannot be reached, the expression fails, or there is no answer in time (default 5 s).
   */
  evaluate(nodeName: string, expression: string, timeoutMs?: number): Promise<string>;
  /** Ends it; nothing happens when it ended before. */
  stop(): Promise<void>;
}

interface Waiting {
  resolve(answer: string): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** A node may answer that it timed out a little later than it was told to. */
const graceMs = 1_000;

export interface ControlOptions {
  /** Of a node of the broker: it holds the cookie. */
  readonly folder: string;
  /** Where the broker's nodes are named. */
  readonly epmdPort: number;
  /** As the nodes have it: a node that hears nothing of another one for longer takes it for lost. */
  readonly tickSeconds: number;
}

/** Starts the control node beside a broker. */
export function startControl({ folder, epmdPort, tickSeconds }: ControlOptions): Control {
  const erl = spawn("erl", erlArguments(tickSeconds), {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      LANG: "C.UTF-8",
      ERL_EPMD_PORT: String(epmdPort),
      ERL_CRASH_DUMP_SECONDS: "0",
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const waiting = new Map<number, Waiting>();
  const take = (id: number): Waiting | undefined => {
    const found = waiting.get(id);
    waiting.delete(id);
    if (found !== undefined) clearTimeout(found.timer);
    return found;
  };
  let lastId = 0;
  let end: string | undefined;
  let words = "";
  const ended = whenEnded(erl).then((how) => {
    end = `The Erlang control node ended (${how}). ${words.slice(-500)}`;
    for (const id of [...waiting.keys()]) take(id)?.reject(new Error(end));
  });
  erl.stderr.on("data", (chunk: Buffer) => {
    words += chunk.toString();
  });
  erl.stdin.on("error", () => {}); // It has ended, which is told above.
  createInterface({ input: erl.stdout }).on("line", (line) => {
    const [id, kind, answer = ""] = line.split(" ");
    const text = Buffer.from(answer, "base64").toString("utf8");
    if (kind === "ok") take(Number(id))?.resolve(text);
    else if (kind === "error") take(Number(id))?.reject(new Error(text));
    else words += `${line}\n`;
  });
  return {
    evaluate(nodeName, expression, timeoutMs = 5_000) {
      if (end !== undefined) return Promise.reject(new Error(end));
      const id = ++lastId;
      const source = Buffer.from(`${expression}.`, "utf8").toString("base64");
      const answer = new Promise<string>((resolve, reject) => {
        const silent = new Error(`no answer within ${timeoutMs} ms`);
        const timer = setTimeout(() => take(id)?.reject(silent), timeoutMs + graceMs);
        waiting.set(id, { resolve, reject, timer });
      });
      erl.stdin.write(`${id} ${timeoutMs} ${Buffer.from(nodeName).toString("base64")} ${source}\n`);
      return answer.catch((cause: Error) => {
        const first = expression.trim().split("\n")[0];
        throw new Error(`${nodeName} did not evaluate "${first}": ${cause.message}`, { cause });
      });
    },
    async stop() {
      erl.kill("SIGKILL");
      await ended;
    },
  };
}

function whenEnded(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function erlArguments(tickSeconds: number): string[] {
  const name = `control-${process.pid}-${Math.random().toString(36).slice(2, 8)}@localhost`;
  return [
    ...["-noshell", "-hidden", "-sname", name, "+S", "1:1", "+sbwt", "none"],
    ...[
      "-kernel",
      "inet_dist_use_interface",
      "{127,0,0,1}",
      "net_ticktime",
      String(tickSeconds),
      "logger_level",
      "error",
    ],
    ...["-eval", program],
  ];
}

/**
 * Reads a request per line and answers each in a process of its own, so that a node that hangs holds up nobody else.
 * Ends with its input: when the process that started it is gone, so is this one.
 */
const program = `
  Answer = fun(Id, Kind, Text) ->
    io:put_chars([Id, " ", Kind, " ", base64:encode(unicode:characters_to_binary(Text)), "\\n"])
  end,
  Write = fun(Term) when is_binary(Term) -> Term; (Term) -> io_lib:format("~0tp", [Term]) end,
  Handle = fun(Id, Timeout, Node, Source) ->
    try
      {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(base64:decode(Source))),
      {ok, Parsed} = erl_parse:parse_exprs(Tokens),
      Name = binary_to_atom(base64:decode(Node)),
      case rpc:call(Name, erl_eval, exprs, [Parsed, []], list_to_integer(Timeout)) of
        {badrpc, timeout} -> Answer(Id, "error", ["no answer within ", Timeout, " ms"]);
        {badrpc, nodedown} -> Answer(Id, "error", "the node cannot be reached");
        {badrpc, Reason} -> Answer(Id, "error", io_lib:format("~0tP", [Reason, 40]));
        {value, Value, _} -> Answer(Id, "ok", Write(Value))
      end
    catch _:Error -> Answer(Id, "error", io_lib:format("~0tP", [Error, 40]))
    end
  end,
  Loop = fun Next() ->
    case io:get_line("") of
      Line when is_list(Line) ->
        [Id, Timeout, Node, Source] = string:lexemes(Line, " \\n"),
        spawn(fun() -> Handle(Id, Timeout, Node, Source) end),
        Next();
      _ -> halt(0)
    end
  end,
  spawn(Loop).
`;

/** Waits until a node takes part, which it does a moment before it opens its port. */
export async function isServing(control: Control, nodeName: string, timeoutMs = 1_000): Promise<boolean> {
  return control.evaluate(nodeName, "rabbit:is_running()", timeoutMs).then(
    (answer) => answer === "true",
    () => false,
  );
}
