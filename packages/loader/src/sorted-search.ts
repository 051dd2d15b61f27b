/** Position of the first of `items`, sorted by `key`, whose key is not below `bound`; the length when all are. */
export function firstNotBelow<T>(items: readonly T[], bound: number, key: (item: T) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (key(items[middle]!) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
