/** What became of the output of all containers together. */
export interface LogCounters {
  writtenBytes: number;
  /** Output that no disk took. */
  lostBytes: number;
  /** Lines that journald missed, where it gets them too. */
  journalLostLines: number;
}

export function logCounters(): LogCounters {
  return { writtenBytes: 0, lostBytes: 0, journalLostLines: 0 };
}
