/** Storage that hangs at a kernel object: sockets, tasks, inodes, cgroups. */

/** What the helpers of local storage do; owners are whatever object the virtual machine has for them. */
export interface LocalStorage {
  /**
   * `bpf_sk_storage_get` and its kin: address of the value; 0 when there is none.
   *
   * @param create - `BPF_LOCAL_STORAGE_GET_F_CREATE`
   * @param initial - value of a new element; zeros without
   */
  get(owner: object, create?: boolean, initial?: Uint8Array): bigint;
  /** `bpf_sk_storage_delete` and its kin: 0, or ENOENT. */
  delete(owner: object): number;
  /** Number of owners that have a value. */
  readonly size: number;
}
