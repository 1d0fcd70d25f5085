import { atom, binary, resource } from "./erlang.ts";

/** Evaluates on any node that serves. */
export type Evaluate = (expression: string, timeoutMs?: number) => Promise<string>;

export interface QueueState {
  readonly ready: number;
  /** Delivered and neither acknowledged nor given back. */
  readonly unacked: number;
  readonly consumers: number;
}

/** Limits that are set on queues that exist: `{ "max-length": 10, overflow: "reject-publish" }`. */
export interface Policy {
  readonly name: string;
  /** A regular expression for names of queues. */
  readonly pattern: string;
  readonly definition: Readonly<Record<string, string | number>>;
}

/** What an operator, or an accident, does to what is declared. Names are of the virtual host "/" unless told. */
export interface TopologyFaults {
  /** Deletes it with its messages, under its consumers. False when there was none. */
  deleteQueue(queue: string, vhost?: string): Promise<boolean>;
  /** Deletes it with its bindings. False when there was none. */
  deleteExchange(exchange: string, vhost?: string): Promise<boolean>;
  /** Removes the bindings with this key, whatever their arguments. Gives how many. */
  unbind(exchange: string, queue: string, key: string, vhost?: string): Promise<number>;
  /** Counts now, not by the last statistics. `undefined` when there is no such queue. */
  queueState(queue: string, vhost?: string): Promise<QueueState | undefined>;
  queueNames(vhost?: string): Promise<string[]>;
  /** The name of the node that has the queue, for a quorum queue its leader. After a kill it may be the dead one yet. */
  leaderOf(queue: string, vhost?: string): Promise<string>;
  /** Makes another node the leader of a quorum queue, and resolves when it is. */
  transferLeader(queue: string, nodeName: string, vhost?: string): Promise<void>;
  /** Takes effect on queues that exist and on later ones. */
  setPolicy(policy: Policy, vhost?: string): Promise<void>;
  /**
   * A channel whose messages a quorum queue refused for being full is refused for good when the limit is taken away, by
   * RabbitMQ 3.10; raise the limit with `setPolicy` to let it go on.
   */
  clearPolicy(name: string, vhost?: string): Promise<void>;
  /** Closes every client's connection in order, with CONNECTION_FORCED (320). Gives how many. */
  closeConnections(): Promise<number>;
  /** Makes one, with all rights for "guest": a world of its own for a scenario, cheaper than nodes of its own. */
  addVhost(vhost: string): Promise<void>;
  /** Deletes it with all that is in it, and closes its connections. */
  deleteVhost(vhost: string): Promise<void>;
  /** Ends all that keeps its queues, as a failed message store does, and starts it again where it was asked. */
  restartVhost(vhost?: string): Promise<void>;
}

const user = binary("faults");
/** Deleting and electing take a while on a node that is busy. */
const slowMs = 30_000;

export function topologyFaults(evaluate: Evaluate): TopologyFaults {
  return {
    deleteQueue: async (queue, vhost = "/") =>
      (await evaluate(
        `case rabbit_amqqueue:lookup(${resource("queue", queue, vhost)}) of
           {ok, Queue} -> {ok, _} = rabbit_amqqueue:delete(Queue, false, false, ${user}), true;
           {error, not_found} -> false
         end`,
        slowMs,
      )) === "true",
    deleteExchange: async (exchange, vhost = "/") =>
      (await evaluate(
        `case rabbit_exchange:delete(${resource("exchange", exchange, vhost)}, false, ${user}) of
           ok -> true; {error, not_found} -> false
         end`,
        slowMs,
      )) === "true",
    unbind: async (exchange, queue, key, vhost = "/") =>
      Number(
        await evaluate(`
         All = rabbit_binding:list_for_source_and_destination(
           ${resource("exchange", exchange, vhost)}, ${resource("queue", queue, vhost)}),
         Found = [Binding || Binding <- All, element(3, Binding) =:= ${binary(key)}],
         [ok = rabbit_binding:remove(Binding, ${user}) || Binding <- Found],
         length(Found)`),
      ),
    queueState: (queue, vhost = "/") => queueState(evaluate, queue, vhost),
    queueNames: async (vhost = "/") =>
      JSON.parse(
        await evaluate(
          `rabbit_json:encode([element(4, Name) || Name <- rabbit_amqqueue:list_names(${binary(vhost)})])`,
        ),
      ) as string[],
    leaderOf: (queue, vhost = "/") => leaderOf(evaluate, queue, vhost),
    transferLeader: (queue, nodeName, vhost = "/") => transferLeader(evaluate, queue, nodeName, vhost),
    async setPolicy({ name, pattern, definition }, vhost = "/") {
      const [key, text] = [binary(pattern), binary(JSON.stringify(definition))];
      await evaluate(
        `ok = rabbit_policy:parse_set(${binary(vhost)}, ${binary(name)}, ${key}, ${text}, 0, <<"queues">>, ${user})`,
      );
    },
    async clearPolicy(name, vhost = "/") {
      await evaluate(`ok = rabbit_policy:delete(${binary(vhost)}, ${binary(name)}, ${user})`);
    },
    closeConnections: async () =>
      Number(
        await evaluate(`
         All = rabbit_networking:connections(),
         ok = rabbit_networking:close_connections(All, "closed by the fault suite"),
         length(All)`),
      ),
    async addVhost(vhost) {
      const rights = Array(3).fill('<<".*">>').join(", ");
      await evaluate(
        `ok = rabbit_vhost:add(${binary(vhost)}, ${user}),
         ok = rabbit_auth_backend_internal:set_permissions(<<"guest">>, ${binary(vhost)}, ${rights}, ${user})`,
        slowMs,
      );
    },
    async deleteVhost(vhost) {
      await evaluate(`rabbit_vhost:delete(${binary(vhost)}, ${user})`, slowMs);
    },
    restartVhost: (vhost = "/") => restartVhost(evaluate, vhost),
  };
}

async function queueState(evaluate: Evaluate, queue: string, vhost: string): Promise<QueueState | undefined> {
  const answer = await evaluate(`
    case rabbit_amqqueue:lookup(${resource("queue", queue, vhost)}) of
      {error, not_found} -> none;
      {ok, Queue} ->
        Counts = case amqqueue:get_type(Queue) of
          rabbit_quorum_queue ->
            {ok, {_, Found}, _} = ra:leader_query(amqqueue:get_pid(Queue), fun(State) ->
              [rabbit_fifo:query_messages_ready(State),
               rabbit_fifo:query_messages_checked_out(State),
               rabbit_fifo:query_consumer_count(State)]
            end),
            Found;
          _ ->
            [Count || {_, Count} <-
              rabbit_amqqueue:info(Queue, [messages_ready, messages_unacknowledged, consumers])]
        end,
        iolist_to_binary(lists:join(" ", [integer_to_list(Count) || Count <- Counts]))
    end`);
  if (answer === "none") return undefined;
  const [ready, unacked, consumers] = answer.split(" ").map(Number);
  return { ready: ready!, unacked: unacked!, consumers: consumers! };
}

async function leaderOf(evaluate: Evaluate, queue: string, vhost: string): Promise<string> {
  return evaluate(`
    {ok, Queue} = rabbit_amqqueue:lookup(${resource("queue", queue, vhost)}),
    Leader = case amqqueue:get_pid(Queue) of
      {Name, Recorded} ->
        case ra_leaderboard:lookup_leader(Name) of {Name, Known} -> Known; _ -> Recorded end;
      Pid -> node(Pid)
    end,
    atom_to_binary(Leader)`);
}

async function transferLeader(
  evaluate: Evaluate,
  queue: string,
  nodeName: string,
  vhost: string,
): Promise<void> {
  const answer = await evaluate(
    `{ok, Queue} = rabbit_amqqueue:lookup(${resource("queue", queue, vhost)}),
     case rabbit_quorum_queue:transfer_leadership(Queue, ${atom(nodeName)}) of
       {migrated, _} -> done; {not_migrated, already_leader} -> done; Other -> Other
     end`,
    slowMs,
  );
  if (answer !== "done") throw new Error(`${queue} was not handed over to ${nodeName}: ${answer}`);
}

async function restartVhost(evaluate: Evaluate, vhost: string): Promise<void> {
  await evaluate(
    `[{vhost_sup, _, _, Wrapper, _}] = ets:lookup(rabbit_vhost_sup_sup, ${binary(vhost)}),
     ok = supervisor2:terminate_child(rabbit_vhost_sup_sup, Wrapper),
     {ok, _} = rabbit_vhost_sup_sup:start_vhost(${binary(vhost)})`,
    slowMs,
  );
}
