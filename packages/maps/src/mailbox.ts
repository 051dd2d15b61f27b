/** Readers that wait: the async side of ring and perf buffers. */

/** Async iterators that sleep until they are woken. Records stay where they are; a reader takes one with `take`. */
export class Mailbox<T> {
  #waiting: (() => void)[] = [];
  #closed = false;

  /** Wakes every reader. */
  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** Readers end once there is nothing left to take. */
  close(): void {
    this.#closed = true;
    this.wake();
  }

  /** Reads with `take` until the mailbox is closed; several readers share the records. */
  async *iterate(take: () => T | undefined): AsyncGenerator<T> {
    for (;;) {
      const record = take();
      if (record !== undefined) {
        yield record;
        continue;
      }
      if (this.#closed) return;
      await new Promise<void>((resume) => this.#waiting.push(resume));
    }
  }
}
