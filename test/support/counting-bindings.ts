import type { Bindings } from "../../src/bindings";

/** What a Worker asked of its bindings. */
export interface Counts {
  /** Statements sent to D1, each of a batch by itself. */
  statements: string[];
  batches: number;
  kvReads: string[];
  kvWrites: string[];
  messages: unknown[];
  /** Objects that were addressed. */
  durableObjectCalls: number;
}

export interface CountingBindings {
  bindings: Bindings;
  counts: Counts;
  reset(): void;
  /** Makes every further call of an operation fail, or work again. */
  fail(operation: "kv.get" | "kv.put" | "queue.send" | "db", failing?: boolean): void;
}

/** The same bindings, counted, and able to fail: a class of its own for each isolate that a test plays. */
export function countingBindings(real: Bindings, more: Partial<Bindings> = {}): CountingBindings {
  const counts: Counts = emptyCounts();
  const failing = new Set<string>();
  const guard = (operation: string): void => {
    if (failing.has(operation)) throw new Error(`${operation} is made to fail`);
  };

  const inner = new WeakMap<object, { statement: D1PreparedStatement; sql: string }>();
  const wrapped = (statement: D1PreparedStatement, sql: string): D1PreparedStatement => {
    const proxy = new Proxy(statement, {
      get(target, name) {
        if (name === "bind") return (...values: unknown[]) => wrapped(target.bind(...values), sql);
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== "function") return member;
        return async (...values: unknown[]) => {
          guard("db");
          counts.statements.push(sql);
          return Reflect.apply(member, target, values) as unknown;
        };
      },
    });
    inner.set(proxy, { statement, sql });
    return proxy;
  };
  const database = <T extends Pick<D1Database, "prepare" | "batch">>(db: T): T =>
    new Proxy(db, {
      get(target, name) {
        if (name === "prepare") return (sql: string) => wrapped(target.prepare(sql), sql);
        if (name === "batch") {
          return async (statements: D1PreparedStatement[]) => {
            guard("db");
            counts.batches += 1;
            const known = statements.map(
              (each) => inner.get(each) as { statement: D1PreparedStatement; sql: string },
            );
            counts.statements.push(...known.map(({ sql }) => sql));
            return target.batch(known.map(({ statement }) => statement));
          };
        }
        const member = Reflect.get(target, name) as unknown;
        if (name === "withSession") {
          return (...values: unknown[]) =>
            database(Reflect.apply(member as D1Database["withSession"], target, values) as D1DatabaseSession);
        }
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
  const DB = database(real.DB);
  const CATALOG = new Proxy(real.CATALOG, {
    get(target, name) {
      if (name === "get") {
        return async (...values: Parameters<KVNamespace["get"]>) => {
          guard("kv.get");
          counts.kvReads.push(String(values[0]));
          return target.get(...values);
        };
      }
      if (name === "put") {
        return async (...values: Parameters<KVNamespace["put"]>) => {
          guard("kv.put");
          counts.kvWrites.push(values[0]);
          return target.put(...values);
        };
      }
      return Reflect.get(target, name) as unknown;
    },
  });
  const HISTORY = {
    send: async (message: unknown) => {
      guard("queue.send");
      counts.messages.push(message);
    },
  } as unknown as Queue;

  const counted = <N extends object>(namespace: N): N =>
    new Proxy(namespace, {
      get(target, name) {
        const member = Reflect.get(target, name) as unknown;
        if (typeof member !== "function") return member;
        return (...values: unknown[]) => {
          if (name === "get" || name === "getByName") counts.durableObjectCalls += 1;
          return Reflect.apply(member, target, values) as unknown;
        };
      },
    });
  const objects = {
    EXCLUSION_GROUP: counted(real.EXCLUSION_GROUP),
    RUN_SHARD: counted(real.RUN_SHARD),
    KEYSTORE_OWNER: counted(real.KEYSTORE_OWNER),
  };

  return {
    bindings: { ...real, ...objects, DB, CATALOG, HISTORY, ...more },
    counts,
    reset: () => Object.assign(counts, emptyCounts()),
    fail: (operation, on = true) => {
      if (on) failing.add(operation);
      else failing.delete(operation);
    },
  };
}

function emptyCounts(): Counts {
  return { statements: [], batches: 0, kvReads: [], kvWrites: [], messages: [], durableObjectCalls: 0 };
}
