/**
 * Values that are there at once or later. A flow that waits for nothing runs without a single promise, which is most
 * of what makes a synchronous trigger fast.
 */
export type MaybePromise<T> = T | Promise<T>;

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return value instanceof Promise;
}

/**
 * Calls `next` with the value: at once when it is there, later otherwise. Not called `then`: a module that exports that
 * name is a thenable itself, and a dynamic import of it would call the function instead of giving the module.
 */
export function after<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value);
}

type Visit<T> = (element: T, index: number) => MaybePromise<void>;

/** Calls `visit` for each element in order, synchronously until one returns a promise, which is then waited for. */
export function eachInOrder<T>(elements: readonly T[], visit: Visit<T>): MaybePromise<void> {
  for (let index = 0; index < elements.length; index += 1) {
    const pending = visit(elements[index] as T, index);
    if (isPromise(pending)) return restInOrder(pending, elements, visit, index + 1);
  }
}

/** A loop rather than a chain of `then`s, which would grow with the number of elements. */
async function restInOrder<T>(
  before: Promise<void>,
  elements: readonly T[],
  visit: Visit<T>,
  from: number,
): Promise<void> {
  await before;
  for (let index = from; index < elements.length; index += 1) {
    const pending = visit(elements[index] as T, index);
    if (isPromise(pending)) await pending;
  }
}

/**
 * Like `eachInOrder`, with up to `limit` elements under way at once. After the first error nothing new begins; it is
 * thrown when all that was under way has ended, so that nothing happens behind the caller's back.
 */
export function eachConcurrently<T>(
  elements: readonly T[],
  limit: number,
  visit: Visit<T>,
): MaybePromise<void> {
  if (limit <= 1 || elements.length <= 1) return eachInOrder(elements, visit);
  let next = 0;
  const errors: unknown[] = [];
  const failed = (error: unknown) => {
    errors.push(error);
    next = elements.length;
  };
  /** Visits one element after the other until one has to be waited for. */
  const advance = (): Promise<void> | undefined => {
    while (next < elements.length) {
      const index = next;
      next += 1;
      try {
        const pending = visit(elements[index] as T, index);
        if (isPromise(pending)) return pending;
      } catch (error) {
        failed(error);
      }
    }
  };
  const lane = async (first: Promise<void>): Promise<void> => {
    for (let pending: Promise<void> | undefined = first; pending !== undefined; pending = advance()) {
      await pending.catch(failed);
    }
  };
  const lanes: Promise<void>[] = [];
  while (lanes.length < limit) {
    const first = advance();
    if (first === undefined) break;
    lanes.push(lane(first));
  }
  const ended = () => {
    if (errors.length > 0) throw errors[0];
  };
  return lanes.length === 0 ? ended() : Promise.all(lanes).then(ended);
}
