/** Properties that are made when they are first asked for: a first verification needs few of what a profile holds. */

/** Adds a property to an object; it stays what `make` gives first. */
export function addLazy(target: object, key: string, make: () => unknown): void {
  Object.defineProperty(target, key, {
    enumerable: true,
    configurable: true,
    get() {
      const value = make();
      Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
      return value;
    },
  });
}

/** An object with such properties beside those that it has. */
export function withLazy<T extends object, M extends Readonly<Record<string, () => unknown>>>(
  target: T,
  makers: M,
): T & { readonly [K in keyof M]: ReturnType<M[K]> } {
  for (const [key, make] of Object.entries(makers)) addLazy(target, key, make);
  return target as T & { readonly [K in keyof M]: ReturnType<M[K]> };
}
