/** Clocks of node and of browsers. A browser blurs its own, lest pages learn about each other from caches. */

/** Wall time in nanoseconds, from anywhere. */
export function wallNs(): number {
  return performance.now() * 1e6;
}

/** CPU time of this process in nanoseconds; undefined in a browser, which tells no page. */
export function cpuNs(): number | undefined {
  if (typeof process === 'undefined') return undefined;
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** The least difference of two readings of {@link wallNs} that is not 0: 100 us in a page that is not isolated. */
export function clockStepNs(): number {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    const start = wallNs();
    let now = start;
    while (now === start) now = wallNs();
    least = Math.min(least, now - start);
  }
  return least;
}
