/**
 * Values that are there at once or later. A flow that waits for nothing runs without a single promise, which is most
 * of what makes a synchronous trigger fast.
 */
export type MaybePromise<T> = T | Promise<T>;

export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return value instanceof Promise;
}

/** Calls `next` with the value: at once when it is there, later otherwise. */
export function then<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(next) : next(value);
}

/** Calls `visit` for each element in order, synchronously until one returns a promise, which is then waited for. */
export function eachInOrder<T>(
  elements: readonly T[],
  visit: (element: T, index: number) => MaybePromise<void>,
  from = 0,
): MaybePromise<void> {
  for (let index = from; index < elements.length; index += 1) {
    const pending = visit(elements[index] as T, index);
    if (isPromise(pending)) return pending.then(() => eachInOrder(elements, visit, index + 1));
  }
}

/** Like `eachInOrder`, with up to `limit` elements under way at once. Every element is visited, or the first error thrown. */
export function eachConcurrently<T>(
  elements: readonly T[],
  limit: number,
  visit: (element: T, index: number) => MaybePromise<void>,
): MaybePromise<void> {
  if (limit <= 1 || elements.length <= 1) return eachInOrder(elements, visit);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < elements.length) {
      const index = next;
      next += 1;
      await visit(elements[index] as T, index);
    }
  };
  return Promise.all(Array.from({ length: Math.min(limit, elements.length) }, worker)).then(() => undefined);
}
